#include "kernels/cuda/select_plan.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace kvsift::cuda {
namespace {

// One H100 or H200.
constexpr SelectDevice kHopper{.processors = 132, .shared_bytes = 232448 - 8192};
constexpr int kGoodnessLimit = 2688;  // asymmetric_dot at head_dim 128

SelectPlan PlanFor(int64_t rows, int64_t keys, int columns, int64_t ranked) {
  const SelectTuning tuning;
  return PlanSelect(tuning, kHopper, ClusterFor(tuning, kHopper, keys, rows * keys), columns, keys,
                    ranked, kGoodnessLimit);
}

TEST(SelectPlan, FewLongRowsAreSpreadOverTheWholeDevice) {
  EXPECT_EQ(PlanFor(8, 131072, 8, 256).cluster, 16);
  EXPECT_EQ(PlanFor(8, 32768, 8, 256).cluster, 16);
}

// Blocks of 16384 keys: smaller and larger ones were slower (PERFORMANCE.md).
TEST(SelectPlan, ManyRowsUseLargeBlocks) { EXPECT_EQ(PlanFor(256, 32768, 8, 256).cluster, 2); }

TEST(SelectPlan, SmallBlocksRankEveryKeyWithoutAGuess) {
  const SelectPlan plan = PlanFor(1, 8192, 8, 256);
  EXPECT_EQ(plan.sample_stride, 0);
  EXPECT_EQ(plan.capacity, 1024);
}

TEST(SelectPlan, EveryShapeFitsItsBlocks) {
  const SelectTuning tuning;
  for (int64_t keys = 1; keys <= LongestRow(tuning); keys = keys * 5 / 3 + 1) {
    for (int64_t rows = 1; rows <= 4096; rows *= 8) {
      for (int columns = 1; columns <= 8; ++columns) {
        for (int64_t ranked = 1; ranked < keys; ranked = ranked * 3 + 1) {
          const SelectPlan plan = PlanFor(rows, keys, columns, ranked);
          ASSERT_LE(plan.shared_bytes, kHopper.shared_bytes) << keys << " " << columns;
          ASSERT_GE(int64_t{plan.block_words} * 32 * plan.cluster, keys);
          ASSERT_LE(plan.block_words * 32, kMostBlockKeys);
          ASSERT_LT((2 * kGoodnessLimit) >> plan.goodness_shift, kHistogramBins);
          ASSERT_TRUE(plan.sample_stride == 0 || plan.capacity > 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace kvsift::cuda
