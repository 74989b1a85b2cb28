#include "kernels/select/policy.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

std::string Refusal(const Policy& policy) {
  const absl::Status status = ValidatePolicy(policy, 1024);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(PolicyTest, RefusalsNameFieldValueAndLimit) {
  EXPECT_EQ(Refusal({.k = 0}), "k: 0, must be 1 to 1024");
  EXPECT_EQ(Refusal({.k = -5}), "k: -5, must be 1 to 1024");
  EXPECT_EQ(Refusal({.k = 1025}), "k: 1025, must be 1 to 1024");
  EXPECT_EQ(Refusal({.k = 8, .sinks = -1}), "sinks: -1, must be 0 or more");
  EXPECT_EQ(Refusal({.k = 8, .window = -2}), "window: -2, must be 0 or more");
  EXPECT_EQ(Refusal({.k = 8, .sinks = 4, .window = 5}),
            "sinks + window: 4 + 5 = 9, must be at most k = 8");
}

TEST(PolicyTest, ForcedPositionsThatOverflowAreRefused) {
  const int32_t most = std::numeric_limits<int32_t>::max();
  EXPECT_FALSE(ValidatePolicy({.k = 8, .sinks = most, .window = most}, 1024).ok());
}

TEST(PolicyTest, TheLimitsThemselvesAreAccepted) {
  EXPECT_TRUE(ValidatePolicy({.k = 1}, 1024).ok());
  EXPECT_TRUE(ValidatePolicy({.k = 1024}, 1024).ok());
  EXPECT_TRUE(ValidatePolicy({.k = 8, .sinks = 3, .window = 5}, 1024).ok());
}

TEST(PolicyTest, RowsAndTheirCapacityFollowTheGrouping) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 2, .query_heads = 8, .head_dim = 64, .key_bits = 2};
  EXPECT_EQ(RowsPerToken(Grouping::kHead, shape), 8);
  EXPECT_EQ(RowsPerToken(Grouping::kGroupMax, shape), 2);
  EXPECT_EQ(RowsPerToken(Grouping::kGroupSum, shape), 2);
  EXPECT_EQ(RowsPerToken(Grouping::kGroupUnion, shape), 2);
  EXPECT_EQ(RowsPerToken(Grouping::kLayerMax, shape), 1);
  EXPECT_EQ(RowCapacity({.k = 5, .grouping = Grouping::kHead}, shape), 5);
  EXPECT_EQ(RowCapacity({.k = 5, .grouping = Grouping::kGroupUnion}, shape), 20);
  EXPECT_EQ(RowCapacity({.k = 5, .grouping = Grouping::kLayerMax}, shape), 5);
}

TEST(PolicyTest, TheLastTokenSeesEverythingByDefault) {
  EXPECT_EQ(DefaultVisibleLength(100, 0, 1), 100);
  EXPECT_EQ(DefaultVisibleLength(100, 0, 3), 98);
  EXPECT_EQ(DefaultVisibleLength(100, 2, 3), 100);
  EXPECT_EQ(DefaultVisibleLength(2, 0, 4), 0);
  EXPECT_EQ(DefaultVisibleLength(2, 1, 4), 0);
  EXPECT_EQ(DefaultVisibleLength(2, 2, 4), 1);
}

TEST(PolicyTest, GroupingNamesAreFoundAgain) {
  for (const char* name : {"head", "group_max", "group_sum", "group_union", "layer_max"}) {
    ASSERT_TRUE(GroupingFromName(name).has_value());
    EXPECT_EQ(GroupingName(*GroupingFromName(name)), name);
  }
  EXPECT_FALSE(GroupingFromName("Head").has_value());
}

}  // namespace
}  // namespace kvsift
