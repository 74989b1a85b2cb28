#include "kernels/select/group_weights.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using testing::ElementsAre;

std::vector<int32_t> Weights(const std::vector<float>& scales) {
  std::vector<int32_t> weights(scales.size(), -1);
  GroupWeights(scales, weights);
  return weights;
}

TEST(GroupWeightsTest, TheLargestScaleWeighs65535) {
  EXPECT_THAT(Weights({0.125f}), ElementsAre(65535));
  EXPECT_THAT(Weights({1.0f, 4.0f, 2.0f}), ElementsAre(16384, 65535, 32768));  // halves to even
}

TEST(GroupWeightsTest, ATinyScaleStillWeighsOne) {
  EXPECT_THAT(Weights({1.0f, 1e-9f, 0x1p-110f}), ElementsAre(65535, 1, 1));
  EXPECT_THAT(Weights({65535.0f, 3.0f, 2.0f, 1.0f}), ElementsAre(65535, 3, 2, 1));
}

TEST(GroupWeightsTest, AHeadOfScaleZeroTakesNoPart) {
  EXPECT_THAT(Weights({2.0f, 0.0f, -0.0f}), ElementsAre(65535, 0, 0));
  EXPECT_THAT(Weights({0.0f, 0.0f}), ElementsAre(0, 0));
}

TEST(GroupWeightsTest, AnInfiniteScaleDoesNotOverflow) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Weights({infinity, 1.0f, 0.0f}), ElementsAre(1, 1, 0));
}

}  // namespace
}  // namespace kvsift
