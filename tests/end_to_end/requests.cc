#include "tests/end_to_end/requests.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kvsift {
namespace {

constexpr float kKeyScale = 8.0f;

void FillQueries(v1::QueryBatch& queries, int64_t entries, Random& random) {
  v1::Policy& policy = *queries.add_policies();
  policy.set_k(4);
  policy.set_estimator(v1::ESTIMATOR_ASYMMETRIC_DOT);
  policy.set_grouping(v1::GROUPING_HEAD);
  for (int64_t i = 0; i < entries; ++i) queries.add_counts(1);
  queries.set_queries(RandomQueryCodes(random, entries));
  for (int64_t i = 0; i < entries * kQueryHeads; ++i) queries.add_query_scales(1.0f);
}

}  // namespace

std::string RandomBytes(Random& random, size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string RandomQueryCodes(Random& random, int64_t tokens) {
  constexpr size_t kPlaneBytes = 8;
  std::string bytes = RandomBytes(random, static_cast<size_t>(tokens) * kQueryTokenBytes);
  // -8 is plane 3 alone: set plane 0 wherever plane 3 is set.
  for (size_t code = 0; code < bytes.size(); code += 4 * kPlaneBytes) {
    for (size_t i = 0; i < kPlaneBytes; ++i) {
      bytes[code + i] = static_cast<char>(bytes[code + i] | bytes[code + 3 * kPlaneBytes + i]);
    }
  }
  return bytes;
}

v1::CreateStoreRequest MakeCreate(const std::string& name) {
  v1::CreateStoreRequest request;
  v1::StoreConfig& config = *request.mutable_config();
  config.set_name(name);
  config.add_layer_ids(3);
  config.add_layer_ids(7);
  config.set_kv_heads(2);
  config.set_query_heads(kQueryHeads);
  config.set_head_dim(64);
  config.set_key_bits(2);
  for (int i = 0; i < 4; ++i) config.add_key_scales(kKeyScale);
  return request;
}

v1::AppendKeysRequest MakeAppend(const std::string& store, const std::vector<AppendPart>& parts,
                                 Random& random) {
  v1::AppendKeysRequest request;
  request.set_store(store);
  v1::KeyBatch& keys = *request.mutable_keys();
  keys.add_layer_ids(3);
  keys.add_layer_ids(7);
  int64_t count = 0;
  for (const AppendPart& part : parts) {
    keys.add_sequence_ids(part.sequence);
    keys.add_starts(part.start);
    keys.add_counts(part.count);
    count += part.count;
  }
  keys.set_keys(RandomBytes(random, static_cast<size_t>(2 * count) * kKeyBytes));
  return request;
}

v1::SelectRequest MakeSelect(const std::string& store, const std::vector<uint64_t>& sequences,
                             Random& random) {
  v1::SelectRequest request;
  request.set_store(store);
  request.set_layer_id(3);
  for (const uint64_t sequence : sequences) request.add_sequence_ids(sequence);
  FillQueries(*request.mutable_queries(), std::ssize(sequences), random);
  return request;
}

v1::StepRequest MakeStep(const std::string& store, const std::vector<AppendPart>& parts,
                         Random& random) {
  v1::StepRequest request;
  request.set_store(store);
  v1::KeyBatch& keys = *request.mutable_keys();
  keys.add_layer_ids(3);
  for (const AppendPart& part : parts) {
    keys.add_sequence_ids(part.sequence);
    keys.add_starts(part.start);
    keys.add_counts(1);
  }
  keys.set_keys(RandomBytes(random, parts.size() * kKeyBytes));
  FillQueries(*request.mutable_queries(), std::ssize(parts), random);
  return request;
}

std::vector<int32_t> Ints(const std::string& bytes) {
  std::vector<int32_t> values(bytes.size() / sizeof(int32_t));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(int32_t));
  return values;
}

std::string Snapshot(v1::SelectionService::Stub& stub) {
  std::string text;
  v1::GetServerResponse server;
  grpc::ClientContext server_context;
  EXPECT_TRUE(stub.GetServer(&server_context, {}, &server).ok());
  text += server.DebugString();
  v1::ListStoresResponse stores;
  grpc::ClientContext stores_context;
  EXPECT_TRUE(stub.ListStores(&stores_context, {}, &stores).ok());
  text += stores.DebugString();
  for (const v1::Store& store : stores.stores()) {
    v1::ListSequencesRequest request;
    request.set_store(store.config().name());
    v1::ListSequencesResponse sequences;
    grpc::ClientContext context;
    EXPECT_TRUE(stub.ListSequences(&context, request, &sequences).ok());
    text += sequences.DebugString();
  }
  return text;
}

}  // namespace kvsift
