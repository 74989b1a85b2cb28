// What an answer has to be: recomputed by the reference backend, one dimension at a time.
#ifndef KVSIFT_CLIENT_LOAD_REFERENCE_ANSWER_H_
#define KVSIFT_CLIENT_LOAD_REFERENCE_ANSWER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/answer_check.h"
#include "kernels/backend.h"
#include "kvsift/store.h"

namespace kvsift::load {

// One query token and all keys that it sees.
struct Question {
  int layer = 0;  // index into the store's layers
  int64_t visible = 0;
  VectorData keys;     // [visible, kv_heads, ...]
  VectorData queries;  // [query_heads, ...]
  std::span<const float> query_scales;
};

// Not thread-safe.
class ReferenceAnswer {
 public:
  // Has page memory for one layer of one sequence of up to `longest` positions.
  static absl::StatusOr<std::unique_ptr<ReferenceAnswer>> Make(const client::StoreConfig& config,
                                                               const Policy& policy,
                                                               int64_t longest);

  // REQUIRES: question.visible <= longest.
  absl::StatusOr<Rows> Of(const Question& question);

 private:
  ReferenceAnswer(const client::StoreConfig& config, const Policy& policy);

  // Format and table of one layer.
  struct Layer {
    std::unique_ptr<BackendStore> store;
    std::unique_ptr<PageTable> table;
  };
  absl::StatusOr<Layer*> LayerOf(int index);

  const client::StoreConfig config_;
  const Policy policy_;
  PageLayout layout_;
  std::unique_ptr<Backend> backend_;
  std::vector<PageAddress> pages_;
  std::map<int, Layer> layers_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_REFERENCE_ANSWER_H_
