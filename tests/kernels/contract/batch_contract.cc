// Batches: many operations at once, in their order, and many batches in flight.
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backends.h"
#include "kernels/reference/reference_backend.h"
#include "tests/kernels/contract/backend_harness.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

class BatchContract : public BackendContract {};

const StoreShape kSmall{
    .layers = 2, .kv_heads = 2, .query_heads = 6, .head_dim = 64, .key_bits = 2};
const StoreShape kLarge{
    .layers = 1, .kv_heads = 1, .query_heads = 8, .head_dim = 256, .key_bits = 3};

SelectionRequest AskFor(Random& random, const StoreShape& shape, int sequence, int64_t length) {
  const Policy policy{.k = 20, .grouping = Grouping::kHead, .sinks = 1, .window = 4};
  return {.sequence = sequence,
          .layer = shape.layers - 1,
          .policy = policy,
          .queries = RandomQueryCodes(random, shape, policy.estimator, 1),
          .visible = {length}};
}

TEST_P(BatchContract, SeveralStoresAndSequencesShareABatch) {
  Random random(1);
  Twin twin(factory(), 1);
  twin.AddStore(RandomFormat(random, kSmall), 64);
  twin.AddStore(RandomFormat(random, kLarge), 128);
  for (int i = 0; i < 20; ++i) {
    const int store = i % 2;
    const StoreShape& shape = store == 0 ? kSmall : kLarge;
    const int64_t length = 1 + 37 * i % 300;
    twin.AddSequence(store);
    twin.Write(i, shape.layers - 1, 0, length, RandomKeyCodes(random, shape, length));
    twin.Read(i, shape.layers - 1, length / 2, length - length / 2);
    twin.Select(AskFor(random, shape, i, length));
  }
  const Outcome outcome = twin.Run();
  EXPECT_EQ(outcome.answers.size(), 20u);
}

// Edits and copies come before writes, writes before reads and selections, in one round trip.
TEST_P(BatchContract, OneBatchForksAppendsReadsAndSelects) {
  Random random(2);
  Twin twin(factory(), 2);
  twin.AddStore(RandomFormat(random, kSmall), 64);
  twin.AddSequence(0);
  twin.AddSequence(0);
  const TestVectors keys = RandomKeyCodes(random, kSmall, 100);
  twin.Write(0, 1, 0, 100, keys);
  twin.Run();
  const TestVectors more = RandomKeyCodes(random, kSmall, 1);
  twin.Fork(0, 1, 100);
  twin.Write(1, 1, 100, 1, more);
  twin.Read(1, 1, 0, 101);
  twin.Select(AskFor(random, kSmall, 1, 101));
  const Outcome outcome = twin.Run();
  TestVectors both = keys;
  both.bytes.insert(both.bytes.end(), more.bytes.begin(), more.bytes.end());
  EXPECT_EQ(outcome.reads[0], both.bytes);
}

TEST_P(BatchContract, DecodingTokenByTokenSelectsAsIfWrittenAtOnce) {
  Random random(3);
  Twin twin(factory(), 3);
  twin.AddStore(RandomFormat(random, kSmall), 64);
  twin.AddSequence(0);
  for (int64_t length = 1; length <= 140; ++length) {
    twin.Write(0, 1, length - 1, 1, RandomKeyCodes(random, kSmall, 1));
    twin.Select(AskFor(random, kSmall, 0, length));
    twin.Run();
  }
}

TEST_P(BatchContract, AnEmptySelectionHasNoRows) {
  Random random(4);
  Twin twin(factory(), 4);
  twin.AddStore(RandomFormat(random, kSmall), 64);
  twin.AddSequence(0);
  SelectionRequest request = AskFor(random, kSmall, 0, 0);
  twin.Select(request);  // a token that sees nothing, of a sequence that has no page
  request.visible.clear();
  request.queries = {};
  twin.Select(request);  // no token
  const Outcome outcome = twin.Run();
  EXPECT_EQ(outcome.answers[0].counts, std::vector<int32_t>(6, 0));
  EXPECT_TRUE(outcome.answers[1].counts.empty());
}

TEST_P(BatchContract, BatchesInFlightTogetherDoNotDisturbEachOther) {
  constexpr int kSequences = 16;
  BackendHarness tested(factory().create(kTestMemoryBytes), 5);
  BackendHarness reference(CreateReferenceBackend(*ReservePageMemory(kTestMemoryBytes)), 5);
  std::vector<std::unique_ptr<PendingBatch>> pending;
  std::vector<Outcome> want;
  for (BackendHarness* harness : {&tested, &reference}) {
    Random random(5);
    harness->AddStore(RandomFormat(random, kSmall), 64);
    for (int i = 0; i < kSequences; ++i) {
      const int64_t length = 100 + 19 * i;
      harness->AddSequence(0);
      harness->Write(i, 1, 0, length, RandomKeyCodes(random, kSmall, length));
      harness->Read(i, 1, 0, length);
      harness->Select(AskFor(random, kSmall, i, length));
      if (harness == &tested) {
        pending.push_back(harness->Start());
      } else {
        want.push_back(harness->Run());
      }
    }
  }
  for (int i = 0; i < kSequences; ++i) {
    const auto index = static_cast<size_t>(i);
    ExpectSameOutcome(pending[index]->Wait(), want[index]);
  }
}

TEST_P(BatchContract, ThreadsMaySubmitAtTheSameTime) {
  constexpr int kThreads = 4;
  Random random(6);
  BackendHarness tested(factory().create(kTestMemoryBytes), 6);
  tested.AddStore(RandomFormat(random, kSmall), 64);
  for (int i = 0; i < kThreads; ++i) {
    tested.AddSequence(0);
    tested.Write(i, 1, 0, 300, RandomKeyCodes(random, kSmall, 300));
  }
  ASSERT_TRUE(tested.Run().status.ok());
  std::vector<std::unique_ptr<PendingBatch>> alone;
  std::vector<std::unique_ptr<PendingBatch>> together;
  for (auto* batches : {&alone, &together}) {
    Random queries(7);
    for (int i = 0; i < kThreads; ++i) {
      for (int repeat = 0; repeat < 10; ++repeat) tested.Select(AskFor(queries, kSmall, i, 300));
      batches->push_back(tested.Collect());
    }
  }
  std::vector<std::thread> threads;
  for (auto& batch : together) {
    threads.emplace_back([&] { tested.backend().Submit(batch->batch, *batch); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kThreads; ++i) {
    tested.backend().Submit(alone[i]->batch, *alone[i]);
    ExpectSameOutcome(together[i]->Wait(), alone[i]->Wait());
  }
}

INSTANTIATE_TEST_SUITE_P(Contract, BatchContract, testing::ValuesIn(ContractIndices()),
                         ContractName);

}  // namespace
}  // namespace kvsift
