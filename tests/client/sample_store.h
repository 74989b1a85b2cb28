// A small store and keys for it.
#ifndef KVSIFT_TESTS_CLIENT_SAMPLE_STORE_H_
#define KVSIFT_TESTS_CLIENT_SAMPLE_STORE_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "kvsift/client.h"

namespace kvsift {

inline absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

// Layers 2 and 5, 2 kv heads, 4 query heads of dimension 32.
inline client::StoreConfig SampleConfig(const std::string& name) {
  client::StoreConfig config;
  config.name = name;
  config.layer_ids = {2, 5};
  config.kv_heads = 2;
  config.query_heads = 4;
  config.head_dim = 32;
  config.key_scales = {1.0f, 1.0f, 1.0f, 1.0f};
  return config;
}

// Normal float32 elements, the same for the same seed.
inline std::vector<float> SampleElements(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> elements(count);
  for (float& element : elements) element = normal(random);
  return elements;
}

// Keys of `tokens` positions of both layers: [2, tokens, 2, 32].
inline std::vector<float> SampleKeys(int64_t tokens, uint32_t seed = 1) {
  return SampleElements(2 * tokens * 2 * 32, seed);
}

inline client::AppendRequest SampleAppend(const std::vector<float>& keys,
                                          std::vector<client::AppendEntry> entries) {
  client::AppendRequest request;
  request.layer_ids = {2, 5};
  request.entries = std::move(entries);
  request.keys = client::Float32Vectors(keys);
  return request;
}

// One query token of sequence `id` at layer 2 for `elements` [4, 32].
inline client::SelectRequest SampleSelect(const std::vector<float>& elements, uint64_t id,
                                          int32_t k = 5) {
  client::SelectRequest request;
  request.layer_id = 2;
  request.entries = {{.sequence_id = id}};
  request.queries.policies = {{.k = k}};
  request.queries.vectors = client::Float32Vectors(elements);
  return request;
}

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_SAMPLE_STORE_H_
