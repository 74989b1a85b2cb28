#include "kernels/cuda/select_plan.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace kvsift::cuda {
namespace {

// One H100 or H200.
constexpr SelectDevice kHopper{.processors = 132, .shared_bytes = 232448 - 8192};
constexpr int kGoodnessLimit = 2688;  // asymmetric_dot at head_dim 128

UnitPlan PlanFor(int64_t rows, int64_t keys) {
  return PlanUnit(SelectTuning{}, kHopper, keys, {.keys = rows * keys, .longest_keys = keys});
}

TEST(SelectPlan, RowsThatFitAtOnceAreRankedInClusters) {
  EXPECT_EQ(PlanFor(8, 32768).path, SelectPath::kCluster);
  EXPECT_EQ(PlanFor(8, 32768).parts, 16);
  EXPECT_EQ(PlanFor(1, 100).parts, 1);
}

TEST(SelectPlan, LongRowsAreScannedInSlicesOverTheWholeDevice) {
  const UnitPlan plan = PlanFor(8, 131072);
  EXPECT_EQ(plan.path, SelectPath::kScan);
  EXPECT_EQ(plan.parts, 32);
}

TEST(SelectPlan, ManyRowsAreScannedWhole) {
  const UnitPlan plan = PlanFor(256, 32768);
  EXPECT_EQ(plan.path, SelectPath::kScan);
  EXPECT_EQ(plan.parts, 1);
}

TEST(SelectPlan, ManyShortRowsAreRankedByABlockEach) {
  const UnitPlan plan = PlanFor(4096, 2048);
  EXPECT_EQ(plan.path, SelectPath::kCluster);
  EXPECT_EQ(plan.parts, 1);
}

TEST(SelectPlan, AGuessNeedsFarMoreKeysThanItIsFor) {
  EXPECT_EQ(PlanCandidates({}, 64, 512, 1, 1).sample_stride, 0);
  EXPECT_EQ(PlanCandidates({}, 64, 512, 1, 1).capacity, 1024);
  EXPECT_EQ(PlanCandidates({}, 2048, 256, 1, 1).sample_stride, 8);
}

TEST(SelectPlan, DearCandidatesAreGuessedMoreClosely) {
  EXPECT_EQ(PlanCandidates({}, 2048, 256, 8, 1).sample_stride, 4);
  EXPECT_EQ(PlanCandidates({}, 2048, 256, 8, 8).sample_stride, 8);
  EXPECT_EQ(PlanCandidates({}, 2048, 4096, 1, 8).sample_stride, 4);
}

TEST(SelectPlan, ASecondKernelFinishesWhereNothingIsScannedMeanwhile) {
  EXPECT_TRUE(FinishApart({}, kHopper, 32, true));
  EXPECT_FALSE(FinishApart({}, kHopper, 32, false));
  EXPECT_FALSE(FinishApart({}, kHopper, 133, true));
}

// Checks what the kernels rely on, of one shape.
void CheckShape(int64_t rows, int64_t keys, int columns) {
  const UnitPlan unit = PlanFor(rows, keys);
  const int64_t part_keys = PartKeys(keys, unit.parts);
  ASSERT_GE(part_keys * unit.parts, keys);
  if (unit.path == SelectPath::kCluster) {
    const SelectPlan plan = PlanClusterLaunch(unit.parts, columns, keys, kGoodnessLimit);
    ASSERT_LE(unit.parts, 16);
    ASSERT_LE(plan.shared_bytes, kHopper.shared_bytes);
    ASSERT_GE(plan.block_keys, part_keys);
    return;
  }
  ASSERT_LE(part_keys, kMostSliceKeys);
  for (int64_t ranked = 1; ranked < keys; ranked = ranked * 3 + 1) {
    const CandidatePlan candidates =
        PlanCandidates({}, (keys + 15) / 16, ranked, columns, unit.parts);
    const SelectPlan plan = PlanScanLaunch(columns, keys, candidates.capacity, kGoodnessLimit);
    ASSERT_LE(plan.shared_bytes, kHopper.shared_bytes);
    ASSERT_LE(plan.finish_bytes, kHopper.shared_bytes);
    ASSERT_GE(plan.finish_bytes, kHistogramBytes);
    ASSERT_TRUE(candidates.sample_stride > 0 || candidates.capacity == part_keys);
    ASSERT_LE(candidates.capacity, part_keys);
  }
}

TEST(SelectPlan, EveryShapeFitsItsBlocks) {
  for (int64_t keys = 1; keys <= SelectTuning{}.longest_row; keys = keys * 5 / 3 + 1) {
    for (int64_t rows = 1; rows <= 4096; rows *= 8) {
      for (int columns = 1; columns <= 8; ++columns) {
        SCOPED_TRACE(testing::Message() << rows << " rows of " << keys << " keys, " << columns);
        CheckShape(rows, keys, columns);
      }
    }
  }
}

}  // namespace
}  // namespace kvsift::cuda
