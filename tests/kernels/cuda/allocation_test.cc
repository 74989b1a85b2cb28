// A batch like one before it allocates nothing: neither for its plan nor for its launches. A
// program of its own, because it counts at operator new.
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/cuda_backend.h"
#include "tests/kernels/contract/backend_harness.h"
#include "tests/kernels/contract/scattering_executor.h"
#include "tests/kernels/counted_new.h"

namespace kvsift {
namespace {

constexpr StoreShape kShape = {
    .layers = 1, .kv_heads = 8, .query_heads = 32, .head_dim = 128, .key_bits = 2};

class CudaAllocation : public testing::Test {
 protected:
  void SetUp() override {
    auto backend = CreateCudaBackend({.memory_bytes = kTestMemoryBytes}, executor_);
    if (!backend.ok()) {
      const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
      if (required != nullptr && std::string_view(required) == "cuda") FAIL() << backend.status();
      GTEST_SKIP() << backend.status();
    }
    harness_ = std::make_unique<BackendHarness>(*std::move(backend), 1);
    harness_->AddStore(RandomFormat(random_, kShape), 256);
    harness_->AddSequence(0);
    harness_->Write(0, 0, 0, kLength, RandomKeyCodes(random_, kShape, kLength));
    ASSERT_TRUE(harness_->Run().status.ok());
  }

  // Allocations of Submit, which serves so small a batch before it returns.
  int64_t Count(std::unique_ptr<PendingBatch> pending) {
    const int64_t before = AllocationsOfThisThread();
    harness_->backend().Submit(pending->batch, *pending);
    const int64_t after = AllocationsOfThisThread();
    EXPECT_TRUE(pending->Wait().status.ok());
    return after - before;
  }

  std::unique_ptr<PendingBatch> Selects(Grouping grouping, TestVectors queries) {
    harness_->Select({.sequence = 0,
                      .layer = 0,
                      .policy = {.k = 64, .grouping = grouping},
                      .queries = std::move(queries),
                      .visible = {kLength}});
    return harness_->Collect();
  }

  static constexpr int64_t kLength = 10000;
  ScatteringExecutor executor_{1, 1};
  Random random_{1};
  std::unique_ptr<BackendHarness> harness_;
};

TEST_F(CudaAllocation, SelectionsOfCodes) {
  for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum}) {
    const auto queries = RandomQueryCodes(random_, kShape, Estimator::kAsymmetricDot, 1);
    Count(Selects(grouping, queries));
    EXPECT_EQ(Count(Selects(grouping, queries)), 0);
  }
}

TEST_F(CudaAllocation, SelectionsOfRawQueries) {
  const auto queries = RandomRaw(random_, kShape.head_dim, kShape.query_heads,
                                 ElementType::kFloat16, RawKind::kOrdinary);
  Count(Selects(Grouping::kHead, queries));
  EXPECT_EQ(Count(Selects(Grouping::kHead, queries)), 0);
}

TEST_F(CudaAllocation, AppendsOfOneKey) {
  const auto append = [this](int64_t start) {
    harness_->Write(0, 0, start, 1, RandomKeyCodes(random_, kShape, 1));
    return harness_->Collect();
  };
  Count(append(kLength));
  EXPECT_EQ(Count(append(kLength + 1)), 0);
}

}  // namespace
}  // namespace kvsift
