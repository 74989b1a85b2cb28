#include "kernels/format/quantizer.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/format/store_format.h"

namespace kvsift {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;

TEST(QuantizerTest, ThresholdsAreMultiplesOfScaleTimesRootOfPaddedDim) {
  EXPECT_THAT(KeyThresholds(3.0f, 64, 1), ElementsAre(0.0f));
  EXPECT_THAT(KeyThresholds(1.0f, 64, 2), ElementsAre(-7.84f, 0.0f, 7.84f));
  EXPECT_THAT(KeyThresholds(2.0f, 256, 3),
              ElementsAre(-56.256f, -37.504f, -18.752f, 0.0f, 18.752f, 37.504f, 56.256f));
  EXPECT_EQ(KeyThresholds(1.0f, 40, 2), KeyThresholds(1.0f, 64, 2));  // both have D = 64
}

TEST(QuantizerTest, ThresholdsStayFiniteAndDistinctAtTheEndsOfTheScaleRange) {
  for (const float scale : {kMinKeyScale, kMaxKeyScale}) {
    const std::vector<float> thresholds = KeyThresholds(scale, 256, 3);
    for (size_t i = 1; i < thresholds.size(); ++i) {
      EXPECT_LT(thresholds[i - 1], thresholds[i]);
    }
    EXPECT_TRUE(std::isfinite(thresholds.back()));
  }
}

TEST(QuantizerTest, LevelsOfAGaussianHaveTheSharesOfItsDistribution) {
  EXPECT_THAT(GaussianLevelShares(1), ElementsAre(0.5, 0.5));
  EXPECT_THAT(GaussianLevelShares(2),
              Pointwise(DoubleNear(1e-5), {.16354, .33646, .33646, .16354}));
  EXPECT_THAT(GaussianLevelShares(3),
              Pointwise(DoubleNear(1e-5),
                        {.03937, .08122, .15834, .22106, .22106, .15834, .08122, .03937}));
}

TEST(QuantizerTest, ACodeCountsTheThresholdsThatAreStrictlyExceeded) {
  const std::vector<float> thresholds = {-1.0f, 0.0f, 1.0f};
  EXPECT_EQ(QuantizeCoordinate(-1.0f, thresholds), 0);
  EXPECT_EQ(QuantizeCoordinate(-0.5f, thresholds), 1);
  EXPECT_EQ(QuantizeCoordinate(0.0f, thresholds), 1);
  EXPECT_EQ(QuantizeCoordinate(-0.0f, thresholds), 1);
  EXPECT_EQ(QuantizeCoordinate(0x1p-149f, thresholds), 2);
  EXPECT_EQ(QuantizeCoordinate(1.0f, thresholds), 2);
  EXPECT_EQ(QuantizeCoordinate(std::numeric_limits<float>::infinity(), thresholds), 3);
  EXPECT_EQ(QuantizeCoordinate(std::numeric_limits<float>::quiet_NaN(), thresholds), 0);
}

TEST(QuantizerTest, AStoreFormatHoldsTheThresholdsOfEveryLayerAndHead) {
  const StoreShape shape{
      .layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  const StoreFormat format = MakeStoreFormat(shape, {1.0f, 2.0f, 3.0f, 4.0f});
  EXPECT_THAT(format.ThresholdsOf(0, 1), ElementsAre(-15.68f, 0.0f, 15.68f));
  EXPECT_THAT(format.ThresholdsOf(1, 1), ElementsAre(-31.36f, 0.0f, 31.36f));
  EXPECT_THAT(format.KeyScalesOf(1), ElementsAre(3.0f, 4.0f));
}

TEST(QuantizerTest, AStoreFormatWithoutKeyScalesHasNone) {
  const StoreShape shape{
      .layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  const StoreFormat format = MakeStoreFormat(shape, {});
  EXPECT_FALSE(format.has_key_scales());
  EXPECT_THAT(format.thresholds, IsEmpty());
  EXPECT_TRUE(format.KeyScalesOf(1).empty());
}

}  // namespace
}  // namespace kvsift
