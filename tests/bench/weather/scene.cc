#include "tests/bench/weather/scene.h"

#include <cstdlib>
#include <iostream>
#include <random>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace kvsift::weather {
namespace {

constexpr size_t kPlaneBytes = kHeadDim / 8;
constexpr size_t kKeyCodeBytes = 2 * kPlaneBytes * kKvHeads;  // of one position

void CreateStore(Stub& stub, const char* name) {
  v1::CreateStoreRequest create;
  v1::StoreConfig& store = *create.mutable_config();
  store.set_name(name);
  store.add_layer_ids(0);
  store.set_kv_heads(kKvHeads);
  store.set_query_heads(kQueryHeads);
  store.set_head_dim(kHeadDim);
  store.set_key_bits(2);
  for (int i = 0; i < kKvHeads; ++i) store.add_key_scales(1.0f);
  v1::CreateStoreResponse created;
  grpc::ClientContext context;
  Require(stub.CreateStore(&context, create, &created));
}

std::string KeyCodes(int64_t positions) {
  return RandomBytes(static_cast<size_t>(positions) * kKeyCodeBytes, 1);
}

void Fill(Stub& stub, const char* store, int64_t positions) {
  CreateStore(stub, store);
  v1::AppendKeysRequest append;
  append.set_store(store);
  append.mutable_keys()->add_layer_ids(0);
  append.mutable_keys()->add_sequence_ids(1);
  append.mutable_keys()->add_starts(0);
  append.mutable_keys()->add_counts(positions);
  append.mutable_keys()->set_keys(KeyCodes(positions));
  v1::AppendKeysResponse appended;
  grpc::ClientContext context;
  Require(stub.AppendKeys(&context, append, &appended));
}

// Four-plane codes; plane 0 is set where plane 3 is, because -8 is not allowed.
std::string QueryCodes(int tokens, uint64_t seed) {
  const size_t code_bytes = 4 * kPlaneBytes;
  std::string bytes = RandomBytes(static_cast<size_t>(tokens) * kQueryHeads * code_bytes, seed);
  for (size_t code = 0; code < bytes.size(); code += code_bytes) {
    for (size_t i = code; i < code + kPlaneBytes; ++i) {
      bytes[i] = static_cast<char>(bytes[i] | bytes[i + 3 * kPlaneBytes]);
    }
  }
  return bytes;
}

v1::StepRequest MakeStep(const char* store, int tokens, int k, uint64_t seed) {
  v1::StepRequest step;
  step.set_store(store);
  step.mutable_keys()->add_layer_ids(0);
  step.mutable_keys()->add_sequence_ids(1);
  step.mutable_keys()->add_starts(0);
  step.mutable_keys()->add_counts(0);
  v1::QueryBatch& queries = *step.mutable_queries();
  queries.add_counts(tokens);
  v1::Policy& policy = *queries.add_policies();
  policy.set_k(k);
  policy.set_estimator(v1::ESTIMATOR_ASYMMETRIC_DOT);
  policy.set_grouping(v1::GROUPING_HEAD);
  queries.set_queries(QueryCodes(tokens, seed));
  for (int i = 0; i < tokens * kQueryHeads; ++i) queries.add_query_scales(1.0f);
  return step;
}

}  // namespace

std::unique_ptr<Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return v1::SelectionService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

void Require(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_message() << std::endl;
  std::exit(1);
}

void FillDisturbedStore(Stub& stub) { Fill(stub, kDisturbedStore, kDisturbedPositions); }

void FillStores(Stub& stub) {
  Fill(stub, kMeasuredStore, kMeasuredPositions);
  FillDisturbedStore(stub);
}

void DeleteDisturbedStore(Stub& stub) {
  v1::DeleteStoreRequest request;
  request.set_name(kDisturbedStore);
  v1::DeleteStoreResponse response;
  grpc::ClientContext context;
  Require(stub.DeleteStore(&context, request, &response));
}

v1::StepRequest MakeSelection(int tokens, int k, uint64_t seed) {
  return MakeStep(kDisturbedStore, tokens, k, seed);
}

v1::StepRequest MakeDecode(uint64_t seed) {
  constexpr int kDecodeK = 128;
  v1::StepRequest step = MakeStep(kMeasuredStore, 1, kDecodeK, seed);
  step.mutable_keys()->set_starts(0, kMeasuredPositions - 1);
  step.mutable_keys()->set_counts(0, 1);
  step.mutable_keys()->set_keys(
      KeyCodes(kMeasuredPositions).substr((kMeasuredPositions - 1) * kKeyCodeBytes));
  return step;
}

v1::AppendKeysRequest MakeRawAppend(uint64_t sequence, int64_t positions) {
  v1::AppendKeysRequest append;
  append.set_store(kDisturbedStore);
  append.mutable_keys()->add_layer_ids(0);
  append.mutable_keys()->add_sequence_ids(sequence);
  append.mutable_keys()->add_starts(0);
  append.mutable_keys()->add_counts(positions);
  append.mutable_keys()->set_element_type(v1::ELEMENT_TYPE_FLOAT16);
  std::string keys = RandomBytes(static_cast<size_t>(positions) * kRawKeyBytes, sequence);
  for (char& byte : keys) byte &= '\x3f';  // finite in float16
  *append.mutable_keys()->mutable_keys() = std::move(keys);
  return append;
}

v1::SelectRequest MakeSelect(const v1::StepRequest& step) {
  v1::SelectRequest select;
  select.set_store(step.store());
  select.set_layer_id(step.keys().layer_ids(0));
  *select.mutable_sequence_ids() = step.keys().sequence_ids();
  *select.mutable_queries() = step.queries();
  return select;
}

v1::StreamStepsRequest MakeStreamStep(uint64_t id, const v1::StepRequest& step) {
  v1::StreamStepsRequest request;
  request.set_id(id);
  *request.mutable_step() = step;
  return request;
}

std::string RandomBytes(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace kvsift::weather
