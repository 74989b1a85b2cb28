#include "kernels/select/token_lists.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/select/group_values.h"

namespace kvsift {
namespace {

using testing::ElementsAre;

using Scores = std::vector<std::vector<int32_t>>;
using Row = std::vector<int32_t>;

StoreShape Heads(int kv_heads, int query_heads) {
  return {
      .layers = 1, .kv_heads = kv_heads, .query_heads = query_heads, .head_dim = 32, .key_bits = 2};
}

Scores Select(const Policy& policy, const StoreShape& shape, const Scores& scores,
              const std::vector<float>& query_scales = {},
              const std::vector<float>& key_scales = {}) {
  return SelectTokenLists(
      policy, shape, {.scores = scores, .query_scales = query_scales, .key_scales = key_scales});
}

TEST(GroupValuesTest, GroupMaxIsTheLeastWeightedDistanceFromAHeadsBest) {
  const Row first = {10, 4, 7};
  const Row second = {0, 5, 5};
  const HeadScores heads[] = {{.scores = first, .weight = 2}, {.scores = second, .weight = 3}};
  EXPECT_THAT(GroupMaxValues(Estimator::kDot, heads), ElementsAre(0, 0, 0));
  EXPECT_THAT(GroupMaxValues(Estimator::kManhattan, heads), ElementsAre(0, 0, 6));
  EXPECT_THAT(GroupSumValues(Estimator::kDot, heads), ElementsAre(-20, -23, -29));
  EXPECT_THAT(GroupSumValues(Estimator::kManhattan, heads), ElementsAre(20, 23, 29));
}

TEST(GroupValuesTest, AHeadOfWeightZeroTakesNoPart) {
  const Row first = {10, 4, 7};
  const Row second = {0, 5, 5};
  const HeadScores heads[] = {{.scores = first, .weight = 0}, {.scores = second, .weight = 3}};
  EXPECT_THAT(GroupMaxValues(Estimator::kDot, heads), ElementsAre(15, 0, 0));
  EXPECT_THAT(GroupSumValues(Estimator::kDot, heads), ElementsAre(0, -15, -15));
}

TEST(GroupValuesTest, SumsNeed64Bits) {
  const Row scores = {12544};
  const std::vector<HeadScores> heads(16, {.scores = scores, .weight = 65535});
  EXPECT_THAT(GroupSumValues(Estimator::kManhattan, heads),
              ElementsAre(int64_t{16} * 65535 * 12544));
}

TEST(TokenListsTest, HeadsSelectForThemselves) {
  const Policy policy{.k = 1, .estimator = Estimator::kDot, .grouping = Grouping::kHead};
  EXPECT_EQ(Select(policy, Heads(1, 2), {{1, 9, 3}, {8, 2, 8}}), (Scores{{1}, {2}}));
}

TEST(TokenListsTest, AUnionHoldsEachHeadsList) {
  const Policy policy{
      .k = 2, .estimator = Estimator::kManhattan, .grouping = Grouping::kGroupUnion};
  EXPECT_EQ(Select(policy, Heads(1, 2), {{1, 9, 3, 9}, {8, 2, 8, 1}}), (Scores{{0, 1, 2, 3}}));
  EXPECT_EQ(Select(policy, Heads(2, 4), {{1, 2, 3}, {3, 2, 1}, {1, 2, 3}, {2, 1, 3}}),
            (Scores{{0, 1, 2}, {0, 1}}));
}

TEST(TokenListsTest, IfEveryScaleIsZeroTheMostRecentAreTaken) {
  for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                  Grouping::kGroupUnion, Grouping::kLayerMax}) {
    const Policy policy{.k = 2, .grouping = grouping};
    for (const Row& row : Select(policy, Heads(1, 2), {{0, 0, 0, 0}, {0, 0, 0, 0}}, {0, 0})) {
      EXPECT_EQ(row, (Row{2, 3}));
    }
  }
}

// Weights are relative to the largest scale of the row, so kv heads with other scales have no say.
TEST(TokenListsTest, WeightsAreThoseOfTheRow) {
  const Policy policy{.k = 1, .grouping = Grouping::kGroupSum};
  const Scores scores = {{10, 0}, {0, 11}, {10, 0}, {0, 11}};
  EXPECT_EQ(Select(policy, Heads(2, 4), scores, {1, 1, 1, 0.5f}), (Scores{{1}, {0}}));
}

TEST(TokenListsTest, LayerMaxWeighsByKeyScaleToo) {
  const Policy policy{.k = 2, .grouping = Grouping::kLayerMax};
  const Scores scores = {{100, 90, 0, 0}, {0, 0, 100, 85}};
  EXPECT_EQ(Select(policy, Heads(2, 2), scores, {1, 1}), (Scores{{0, 2}}));
  const Policy three{.k = 3, .grouping = Grouping::kLayerMax};
  EXPECT_EQ(Select(three, Heads(2, 2), scores, {1, 1}), (Scores{{0, 1, 2}}));
  EXPECT_EQ(Select(three, Heads(2, 2), scores, {1, 1}, {4, 1}), (Scores{{0, 2, 3}}));
}

// What makes group_max a merge of per-head lists (semantics.md, "Groupings").
TEST(TokenListsTest, EveryMemberOfAGroupsBestIsInSomeHeadsBest) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    Scores scores(4, Row(60));
    for (Row& row : scores) {
      for (int32_t& score : row) score = static_cast<int32_t>(random() % 40);
    }
    std::vector<float> scales;
    for (int h = 0; h < 4; ++h) scales.push_back(static_cast<float>(1 + random() % 100));
    Policy policy{.k = 9, .grouping = Grouping::kGroupMax};
    const Row best = Select(policy, Heads(1, 4), scores, scales)[0];
    policy.grouping = Grouping::kGroupUnion;
    const Row all = Select(policy, Heads(1, 4), scores, scales)[0];
    EXPECT_TRUE(std::includes(all.begin(), all.end(), best.begin(), best.end()));
  }
}

}  // namespace
}  // namespace kvsift
