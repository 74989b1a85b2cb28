// Which batches the submitting thread runs itself: it may be one that others wait for.
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/page_memory.h"
#include "tests/kernels/contract/backend_harness.h"

namespace kvsift {
namespace {

constexpr StoreShape kShape = {
    .layers = 1, .kv_heads = 2, .query_heads = 8, .head_dim = 64, .key_bits = 2};

class CountingExecutor final : public Executor {
 public:
  int concurrency() const override { return 2; }
  void Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) override {
    ++jobs;
    for (int64_t i = 0; i < count; ++i) task(i);
    done();
  }

  int jobs = 0;
};

// Jobs that the executor gets of a selection of `k` of `length` positions.
int JobsToSelect(int32_t k, int64_t length) {
  CountingExecutor executor;
  Random random(1);
  BackendHarness harness(*CreateCpuBackend(*ReservePageMemory(kTestMemoryBytes), executor), 1);
  harness.AddStore(RandomFormat(random, kShape), 256);
  harness.AddSequence(0);
  harness.Write(0, 0, 0, length, RandomKeyCodes(random, kShape, length));
  EXPECT_TRUE(harness.Run().status.ok());
  executor.jobs = 0;
  const Policy policy = {.k = k, .estimator = Estimator::kManhattan};
  harness.Select({.sequence = 0,
                  .layer = 0,
                  .policy = policy,
                  .queries = RandomQueryCodes(random, kShape, policy.estimator, 1),
                  .visible = {length}});
  EXPECT_TRUE(harness.Run().status.ok());
  return executor.jobs;
}

TEST(CpuSubmit, WhatIsSmallRunsAtOnce) {
  if (!CheckCpuBackend().ok()) GTEST_SKIP() << CheckCpuBackend();
  EXPECT_EQ(JobsToSelect(64, 1000), 0);
}

TEST(CpuSubmit, WhatIsToBeScoredForLongDoesNot) {
  if (!CheckCpuBackend().ok()) GTEST_SKIP() << CheckCpuBackend();
  EXPECT_GT(JobsToSelect(64, 40'000), 0);
}

// Nothing is scored where everything is taken.
TEST(CpuSubmit, NorDoesALongAnswer) {
  if (!CheckCpuBackend().ok()) GTEST_SKIP() << CheckCpuBackend();
  EXPECT_GT(JobsToSelect(40'000, 40'000), 0);
}

}  // namespace
}  // namespace kvsift
