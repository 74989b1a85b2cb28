// A batch of 64 operations allocates as often as a batch of one, when one like it has run before:
// itself, and what the executor keeps of it. A program of its own, because it counts at
// operator new.
#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/page_memory.h"
#include "tests/kernels/contract/backend_harness.h"
#include "tests/kernels/contract/scattering_executor.h"
#include "tests/kernels/counted_new.h"

namespace kvsift {
namespace {

constexpr StoreShape kShape = {
    .layers = 1, .kv_heads = 2, .query_heads = 8, .head_dim = 64, .key_bits = 2};
constexpr Grouping kGroupings[] = {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                   Grouping::kGroupUnion, Grouping::kLayerMax};

constexpr int kMany = 64;
constexpr int64_t kShort = 1000;
constexpr int64_t kLong = 100'000;  // one selection is worth several tasks
constexpr int64_t kTokens = 3;

// The batch's job, and the executor's record of its one phase: a small batch runs without.
constexpr int64_t kAllocationsOfABatch = 2;

// Runs of a batch. The first ones fill the pools, and on two threads now and then a later one
// meets a buffer that was used for less; usual is what half of them do.
constexpr int kRuns = 21;

// Counts until it is told.
class CountingObserver final : public BatchObserver {
 public:
  int64_t Wait() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return allocations_ >= 0; });
    return allocations_;
  }

  void OnBatchDone(const Batch&, absl::Status status) override {
    const std::lock_guard lock(mutex_);
    allocations_ = AllocationsOfAllThreads() - before_;
    EXPECT_TRUE(status.ok()) << status;
    told_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  int64_t allocations_ = -1;
  int64_t before_ = AllocationsOfAllThreads();
};

// The parameter is how many threads the executor has.
class CpuAllocation : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!CheckCpuBackend().ok()) GTEST_SKIP() << CheckCpuBackend();
    harness_ = std::make_unique<BackendHarness>(
        *CreateCpuBackend(*ReservePageMemory(kTestMemoryBytes), executor_), 1);
    harness_->AddStore(RandomFormat(random_, kShape), 256);
    for (int sequence = 0; sequence < kMany; ++sequence) {
      const int64_t length = sequence == 0 ? kLong : kShort;
      harness_->AddSequence(0);
      harness_->Write(sequence, 0, 0, length, RandomKeyCodes(random_, kShape, length));
    }
    ASSERT_TRUE(harness_->Run().status.ok());
  }

  // Runs `collect(i)` for i < operations, then submits what it collected again and again.
  template <class Collect>
  int64_t UsualAllocations(int operations, const Collect& collect) {
    for (int i = 0; i < operations; ++i) collect(i);
    const std::unique_ptr<PendingBatch> collected = harness_->Collect();
    if (!scores_wanted_) {
      for (Selection& selection : collected->batch.selections) selection.scores = nullptr;
    }
    std::vector<int64_t> counts;
    for (int run = 0; run < kRuns; ++run) {
      CountingObserver observer;
      harness_->backend().Submit(collected->batch, observer);
      counts.push_back(observer.Wait());
    }
    std::nth_element(counts.begin(), counts.begin() + kRuns / 2, counts.end());
    return counts[kRuns / 2];
  }

  template <class Collect>
  void ExpectFewAllocations(const Collect& collect) {
    EXPECT_LE(UsualAllocations(1, collect), kAllocationsOfABatch);
    EXPECT_LE(UsualAllocations(kMany, collect), kAllocationsOfABatch);
  }

  // Selections of `tokens` tokens that see all `length` positions.
  void ExpectFewToSelect(Policy policy, const TestVectors& queries, int64_t tokens,
                         int64_t length) {
    SCOPED_TRACE(GroupingName(policy.grouping));
    ExpectFewAllocations([&](int i) {
      harness_->Select({.sequence = length == kLong ? 0 : i,
                        .layer = 0,
                        .policy = policy,
                        .queries = queries,
                        .visible = std::vector<int64_t>(static_cast<size_t>(tokens), length)});
    });
  }

  TestVectors Codes(Estimator estimator, int64_t tokens) {
    return RandomQueryCodes(random_, kShape, estimator, tokens);
  }
  TestVectors Raw(int64_t vectors) {
    return RandomRaw(random_, kShape.head_dim, vectors, ElementType::kFloat16, RawKind::kOrdinary);
  }

  ScatteringExecutor executor_{GetParam(), 1};
  Random random_{1};
  bool scores_wanted_ = true;  // where the grouping has some
  std::unique_ptr<BackendHarness> harness_;
};

TEST_P(CpuAllocation, SelectionsOfCodes) {
  for (const Estimator estimator : {Estimator::kAsymmetricDot, Estimator::kManhattan}) {
    for (const Grouping grouping : kGroupings) {
      ExpectFewToSelect({.k = 64, .estimator = estimator, .grouping = grouping},
                        Codes(estimator, kTokens), kTokens, kShort);
    }
  }
}

TEST_P(CpuAllocation, SelectionsOfRawQueries) {
  for (const Grouping grouping : kGroupings) {
    ExpectFewToSelect({.k = 64, .grouping = grouping}, Raw(kTokens * kShape.query_heads), kTokens,
                      kShort);
  }
}

// Their values are asked for where scores or the best of a head are wanted.
TEST_P(CpuAllocation, SelectionsWithForcedPositions) {
  for (const Grouping grouping : kGroupings) {
    ExpectFewToSelect({.k = 64, .grouping = grouping, .sinks = 4, .window = 20},
                      Codes(Estimator::kAsymmetricDot, 1), 1, kShort);
  }
}

TEST_P(CpuAllocation, SelectionsThatTakeEveryPosition) {
  for (const Grouping grouping : kGroupings) {
    ExpectFewToSelect({.k = 64, .grouping = grouping}, Codes(Estimator::kAsymmetricDot, 1), 1, 50);
  }
}

TEST_P(CpuAllocation, SelectionsWithoutScores) {
  scores_wanted_ = false;
  for (const int64_t length : {int64_t{50}, kShort}) {
    ExpectFewToSelect({.k = 64, .sinks = 4}, Codes(Estimator::kAsymmetricDot, 1), 1, length);
  }
}

// One of them is cut into parts where there are two threads.
TEST_P(CpuAllocation, SelectionsOfManyKeys) {
  for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupSum, Grouping::kLayerMax}) {
    ExpectFewToSelect({.k = 64, .grouping = grouping}, Codes(Estimator::kAsymmetricDot, 1), 1,
                      kLong);
  }
}

TEST_P(CpuAllocation, WritesOfCodes) {
  const TestVectors keys = RandomKeyCodes(random_, kShape, kShort);
  ExpectFewAllocations([&](int i) { harness_->Write(i, 0, 0, kShort, keys); });
}

TEST_P(CpuAllocation, WritesOfRawKeys) {
  const TestVectors keys = Raw(kShort * kShape.kv_heads);
  ExpectFewAllocations([&](int i) { harness_->Write(i, 0, 0, kShort, keys); });
}

TEST_P(CpuAllocation, Reads) {
  ExpectFewAllocations([&](int i) { harness_->Read(i, 0, 0, kShort); });
}

INSTANTIATE_TEST_SUITE_P(Threads, CpuAllocation, testing::Values(1, 2));

}  // namespace
}  // namespace kvsift
