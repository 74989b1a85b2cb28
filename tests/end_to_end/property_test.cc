// What must not change an answer: how requests are batched, how appends are cut, in which order
// requests come, how many threads and which backend serve them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "kernels/backends.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"
#include "tests/engine/remote_backend.h"
#include "tests/kernels/backends_under_test.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

constexpr int kSequences = 6;
constexpr int64_t kLength = 700;

// Keys and queries of each sequence; the same for every server.
struct Workload {
  std::vector<std::string> keys;  // [sequences]: two layers of kLength positions
  std::vector<std::string> queries;
};

Workload MakeWorkload() {
  Random random(11);
  Workload workload;
  for (int i = 0; i < kSequences; ++i) {
    workload.keys.push_back(RandomBytes(random, 2 * kLength * kKeyBytes));
    workload.queries.push_back(RandomQueryCodes(random, 1));
  }
  return workload;
}

// Appends positions [start, start + count) of the sequences.
void Append(Stub& stub, const Workload& workload, const std::vector<int>& sequences, int64_t start,
            int64_t count) {
  v1::AppendKeysRequest request;
  request.set_store("s");
  v1::KeyBatch& keys = *request.mutable_keys();
  keys.add_layer_ids(3);
  keys.add_layer_ids(7);
  for (const int sequence : sequences) {
    keys.add_sequence_ids(sequence);
    keys.add_starts(start);
    keys.add_counts(count);
  }
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (const int sequence : sequences) {
      keys.mutable_keys()->append(workload.keys[sequence], (layer * kLength + start) * kKeyBytes,
                                  count * kKeyBytes);
    }
  }
  const Outcome outcome = Send(stub, &Stub::AppendKeys, request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  ASSERT_TRUE(outcome.entry_errors.empty()) << outcome.entry_errors[0].message();
}

// Positions and scores of each sequence under three policies, selected in calls of `sequences`.
using Answers = std::map<int, std::vector<int32_t>>;
void Select(Stub& stub, const Workload& workload, const std::vector<int>& sequences,
            Answers& answers) {
  v1::SelectRequest request;
  request.set_store("s");
  request.set_layer_id(7);
  v1::QueryBatch& queries = *request.mutable_queries();
  v1::Policy& policy = *queries.add_policies();
  policy.set_k(32);
  policy.set_sinks(2);
  policy.set_window(5);
  policy.set_estimator(v1::ESTIMATOR_ASYMMETRIC_DOT);
  policy.set_grouping(v1::GROUPING_HEAD);
  queries.set_want_scores(true);
  for (const int sequence : sequences) {
    request.add_sequence_ids(sequence);
    queries.add_counts(1);
    queries.mutable_queries()->append(workload.queries[sequence]);
    for (int head = 0; head < kQueryHeads; ++head) queries.add_query_scales(0.5f + head);
  }
  grpc::ClientContext context;
  v1::SelectResponse response;
  const grpc::Status status = stub.Select(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.entry_errors_size(), 0);
  const std::vector<int32_t> positions = Ints(response.answer().positions());
  const std::vector<int32_t> scores = Ints(response.answer().scores());
  constexpr int64_t kPerEntry = kQueryHeads * 32;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const int64_t first = static_cast<int64_t>(i) * kPerEntry;
    auto& answer = answers[sequences[i]];
    answer.assign(positions.begin() + first, positions.begin() + first + kPerEntry);
    answer.insert(answer.end(), scores.begin() + first, scores.begin() + first + kPerEntry);
  }
}

std::vector<int> AllSequences() {
  std::vector<int> sequences(kSequences);
  for (int i = 0; i < kSequences; ++i) sequences[i] = i;
  return sequences;
}

ServerOptions Options(const std::string& backend, int threads) {
  ServerOptions options;
  options.backend = backend;
  options.threads = threads;
  return options;
}

// Everything at once, on one thread of the reference backend.
Answers Expected(const Workload& workload) {
  TestServer server(Options("reference", 1), Transport::kUnix);
  EXPECT_TRUE(Send(server.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
  Append(server.stub(), workload, AllSequences(), 0, kLength);
  Answers answers;
  Select(server.stub(), workload, AllSequences(), answers);
  return answers;
}

// Appends to a store on `device`, cut into `chunk` positions, sequence by sequence in falling
// order; selections one by one.
void ExpectSameInPieces(TestServer& server, const Workload& workload, int64_t chunk,
                        int32_t device = 0) {
  v1::CreateStoreRequest create = MakeCreate("s");
  create.mutable_config()->set_device(device);
  EXPECT_TRUE(Send(server.stub(), &Stub::CreateStore, create).status.ok());
  std::vector<int> reversed = AllSequences();
  std::reverse(reversed.begin(), reversed.end());
  for (const int sequence : reversed) {
    for (int64_t start = 0; start < kLength; start += chunk) {
      Append(server.stub(), workload, {sequence}, start, std::min(chunk, kLength - start));
    }
  }
  Answers answers;
  for (const int sequence : reversed) Select(server.stub(), workload, {sequence}, answers);
  EXPECT_EQ(answers, Expected(workload));
}

TEST(PropertyTest, BatchingChunkingOrderThreadsAndBackendChangeNothing) {
  const Workload workload = MakeWorkload();
  for (const std::string& backend : BackendsUnderTest()) {
    for (const int threads : {1, 4}) {
      for (const int64_t chunk : {13, 256, 699}) {
        SCOPED_TRACE(backend + ", threads " + std::to_string(threads) + ", chunk " +
                     std::to_string(chunk));
        TestServer server(Options(backend, threads));
        ExpectSameInPieces(server, workload, chunk);
      }
    }
  }
}

// One store on each GPU of the machine in turn, GPUs in falling order.
TEST(PropertyTest, EveryGpuGivesTheSameBytes) {
  ServerOptions options;
  for (int32_t gpu = 0; ChooseBackend("cuda", gpu).ok(); ++gpu) options.devices.push_back(gpu);
  if (options.devices.size() < 2) GTEST_SKIP() << options.devices.size() << " GPUs";
  std::reverse(options.devices.begin(), options.devices.end());
  options.memory_bytes = int64_t{64} << 20;
  const Workload workload = MakeWorkload();
  for (size_t device = 0; device < options.devices.size(); ++device) {
    SCOPED_TRACE("device " + std::to_string(device));
    TestServer server(options);
    ExpectSameInPieces(server, workload, 256, static_cast<int32_t>(device));
    grpc::ClientContext context;
    v1::GetServerResponse described;
    ASSERT_TRUE(server.stub().GetServer(&context, {}, &described).ok());
    for (int i = 0; i < described.devices_size(); ++i) {
      EXPECT_EQ(described.devices(i).number(), options.devices[i]);
      EXPECT_EQ(described.devices(i).resident_bytes() > 0, i == static_cast<int>(device));
    }
  }
}

// A device far away that completes late and out of order gives the same bytes.
TEST(PropertyTest, ARemoteDeviceGivesTheSameBytes) {
  const Workload workload = MakeWorkload();
  ServerOptions options;
  options.make_backends = [](Executor&) { return OneBackend(CreateRemoteBackend({})); };
  TestServer server(options, Transport::kUnix);
  ExpectSameInPieces(server, workload, 100);
  v1::ForkSequenceRequest fork;
  fork.set_store("s");
  fork.set_parent_id(0);
  fork.set_child_id(77);
  fork.set_length(kLength - 3);
  ASSERT_TRUE(Send(server.stub(), &Stub::ForkSequence, fork).status.ok());
  Random random(12);
  const Outcome diverged =
      Send(server.stub(), &Stub::AppendKeys, MakeAppend("s", {{77, kLength - 3, 9}}, random));
  ASSERT_TRUE(diverged.status.ok());
  EXPECT_TRUE(diverged.entry_errors.empty());
  Answers parent;
  Select(server.stub(), workload, {0}, parent);
  EXPECT_EQ(parent[0], Expected(workload)[0]);
}

}  // namespace
}  // namespace kvsift
