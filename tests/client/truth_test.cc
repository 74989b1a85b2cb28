#include "client/evaluate/truth.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::evaluate {
namespace {

using testing::ElementsAre;

TEST(TrueAttention, BestTakesTheLargestProductsInAscendingPositions) {
  const TrueAttention truth({5, 1, 9, 3}, 4);
  EXPECT_THAT(truth.Best(2), ElementsAre(0, 2));
  EXPECT_THAT(truth.Best(4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(truth.Best(9), ElementsAre(0, 1, 2, 3));
}

TEST(TrueAttention, EqualProductsGoToTheMoreRecentPosition) {
  const TrueAttention truth({2, 7, 2, 2}, 4);
  EXPECT_THAT(truth.Best(2), ElementsAre(1, 3));
}

// exp(ln 3 * 2 / sqrt(4)) = 3: weights 3/6, 1/6, 1/6, 1/6.
TEST(TrueAttention, MassIsTheSoftmaxOfScaledProducts) {
  const TrueAttention truth({2 * std::log(3.0), 0, 0, 0}, 4);
  const Quality quality = truth.Measure(std::vector<int32_t>{0, 1}, std::vector<int32_t>{0, 3});
  EXPECT_NEAR(quality.mass, 4.0 / 6, 1e-12);
  EXPECT_DOUBLE_EQ(quality.recall, 0.5);
}

TEST(TrueAttention, HugeProductsDoNotOverflow) {
  const TrueAttention truth({1e6, 0}, 1);
  EXPECT_DOUBLE_EQ(truth.Measure(std::vector<int32_t>{0}, std::vector<int32_t>{0}).mass, 1);
}

TEST(TrueKeys, ProductsAreThoseOfTheChosenHeadAndVisiblePositions) {
  const std::vector<float> keys = {1, 2, 3, 4, 5, 6, 7, 8};  // [2 heads, 2 tokens, 2]
  const TrueKeys head({ElementType::kFloat32, 2, 2, 2, std::as_bytes(std::span(keys))}, 1);
  const std::vector<float> query = {10, 1};
  const auto bytes = std::as_bytes(std::span(query));
  EXPECT_THAT(head.Products(bytes, ElementType::kFloat32, 2), ElementsAre(56, 78));
  EXPECT_THAT(head.Products(bytes, ElementType::kFloat32, 1), ElementsAre(56));
}

}  // namespace
}  // namespace kvsift::evaluate
