#include "server/engine/level_deviation.h"

#include <array>
#include <optional>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

// 32 vectors of 64 coordinates are 2048, just enough.
constexpr int kDim = 64;

std::optional<float> Deviation(const std::array<int64_t, 4>& counts) {
  return DeviationOf(counts, kDim);
}

TEST(LevelDeviation, IsZeroForAGaussianCutAtItsMultiples) {
  EXPECT_NEAR(*Deviation({335, 689, 689, 335}), 0, 1e-3);
  EXPECT_FLOAT_EQ(*DeviationOf(std::array<int64_t, 2>{1024, 1024}, kDim), 0);
}

TEST(LevelDeviation, IsTheShareThatLiesAtOtherLevels) {
  EXPECT_NEAR(*Deviation({512, 512, 512, 512}), 2 * (0.25 - 0.16354), 1e-4);
  EXPECT_NEAR(*Deviation({1024, 0, 0, 1024}), 2 * (0.5 - 0.16354), 1e-4);
  EXPECT_NEAR(*Deviation({0, 0, 0, 2048}), 1 - 0.16354, 1e-4);
}

TEST(LevelDeviation, NeedsThirtyTwoVectors) {
  EXPECT_EQ(Deviation({0, 0, 0, 2047}), std::nullopt);
  EXPECT_EQ(Deviation({0, 0, 0, 0}), std::nullopt);
  EXPECT_EQ(DeviationOf(std::array<int64_t, 4>{0, 0, 0, 2048}, 128), std::nullopt);
}

}  // namespace
}  // namespace kvsift
