#include "kernels/select/ranking.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<int64_t> kValues = {5, 1, 1, 3, 9};

TEST(RankingTest, SmallerValuesComeFirstAndTiesGoToTheMoreRecent) {
  EXPECT_THAT(BestPositions(kValues, {.k = 1}), ElementsAre(2));
  EXPECT_THAT(BestPositions(kValues, {.k = 2}), ElementsAre(1, 2));
  EXPECT_THAT(BestPositions(kValues, {.k = 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(BestPositions(kValues, {.k = 4}), ElementsAre(0, 1, 2, 3));
}

TEST(RankingTest, AShortRowHoldsEverything) {
  EXPECT_THAT(BestPositions(kValues, {.k = 5}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(BestPositions(kValues, {.k = 60, .sinks = 20}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(BestPositions({}, {.k = 1}), IsEmpty());
}

TEST(RankingTest, ForcedPositionsCountTowardsK) {
  EXPECT_THAT(BestPositions(kValues, {.k = 2, .sinks = 1}), ElementsAre(0, 2));
  EXPECT_THAT(BestPositions(kValues, {.k = 2, .window = 1}), ElementsAre(2, 4));
  EXPECT_THAT(BestPositions(kValues, {.k = 2, .sinks = 1, .window = 1}), ElementsAre(0, 4));
  EXPECT_THAT(BestPositions(kValues, {.k = 4, .sinks = 2, .window = 2}), ElementsAre(0, 1, 3, 4));
}

TEST(RankingTest, ValuesTurnLargerIsBetterAround) {
  EXPECT_EQ(RankingValue(Estimator::kManhattan, 7), 7);
  EXPECT_EQ(RankingValue(Estimator::kAsymmetricDot, 7), -7);
}

TEST(RankingTest, TheOrderIsTotal) {
  std::vector<Candidate> candidates;
  for (int64_t p = 0; p < 40; ++p) candidates.push_back({.value = p * 7 % 5, .position = p});
  std::sort(candidates.begin(), candidates.end(), RanksBefore);
  for (size_t i = 1; i < candidates.size(); ++i) {
    EXPECT_TRUE(RanksBefore(candidates[i - 1], candidates[i]));
    EXPECT_FALSE(RanksBefore(candidates[i], candidates[i - 1]));
  }
  EXPECT_FALSE(RanksBefore(candidates[0], candidates[0]));
}

}  // namespace
}  // namespace kvsift
