#include "kernels/estimate/score.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

using Code = std::vector<int8_t>;

TEST(ScoreTest, LiteralScoresOfTwoBitCodes) {
  const Code query = {0, 1, 2, 3, 3};
  const Code key = {0, 3, 1, 0, 3};
  EXPECT_EQ(ScoreCodes(Estimator::kManhattan, 2, query, key), 0 + 2 + 1 + 3 + 0);
  EXPECT_EQ(ScoreCodes(Estimator::kSquaredEuclidean, 2, query, key), 0 + 4 + 1 + 9 + 0);
  EXPECT_EQ(ScoreCodes(Estimator::kDot, 2, query, key), 9 - 3 - 1 - 9 + 9);
  const Code fine = {-7, 7, 0, 1, -2};
  EXPECT_EQ(ScoreCodes(Estimator::kAsymmetricDot, 2, fine, key), 21 + 21 + 0 - 3 - 6);
}

TEST(ScoreTest, LevelsDependOnTheBitsOfTheKey) {
  EXPECT_EQ(ScoreCodes(Estimator::kDot, 1, Code{0, 1}, Code{1, 1}), 0);
  EXPECT_EQ(ScoreCodes(Estimator::kDot, 3, Code{0, 7}, Code{1, 7}), 35 + 49);
  EXPECT_EQ(ScoreCodes(Estimator::kAsymmetricDot, 1, Code{5, -5}, Code{1, 1}), 0);
  EXPECT_EQ(ScoreCodes(Estimator::kAsymmetricDot, 3, Code{5, -5}, Code{7, 0}), 70);
}

TEST(ScoreTest, NoPairOfCodesExceedsTheLargestMagnitude) {
  for (const int bits : {1, 2, 3}) {
    for (const Estimator estimator : {Estimator::kManhattan, Estimator::kSquaredEuclidean,
                                      Estimator::kDot, Estimator::kAsymmetricDot}) {
      int32_t largest = 0;
      const bool fine = HasQueryScales(estimator);
      for (int q = fine ? -7 : 0; q <= (fine ? 7 : ThresholdCount(bits)); ++q) {
        for (int c = 0; c <= ThresholdCount(bits); ++c) {
          const Code query(256, static_cast<int8_t>(q));
          const Code key(256, static_cast<int8_t>(c));
          largest = std::max(largest, std::abs(ScoreCodes(estimator, bits, query, key)));
        }
      }
      EXPECT_EQ(largest, MaxScoreMagnitude(estimator, 256, bits));
    }
  }
}

TEST(EstimatorTest, NamesAreFoundAgain) {
  for (const char* name : {"manhattan", "squared_euclidean", "dot", "asymmetric_dot"}) {
    ASSERT_TRUE(EstimatorFromName(name).has_value());
    EXPECT_EQ(EstimatorName(*EstimatorFromName(name)), name);
  }
  EXPECT_FALSE(EstimatorFromName("cosine").has_value());
  EXPECT_FALSE(EstimatorFromName("").has_value());
}

TEST(EstimatorTest, DistancesAreBetterSmaller) {
  EXPECT_TRUE(SmallerIsBetter(Estimator::kManhattan));
  EXPECT_TRUE(SmallerIsBetter(Estimator::kSquaredEuclidean));
  EXPECT_FALSE(SmallerIsBetter(Estimator::kDot));
  EXPECT_FALSE(SmallerIsBetter(Estimator::kAsymmetricDot));
}

}  // namespace
}  // namespace kvsift
