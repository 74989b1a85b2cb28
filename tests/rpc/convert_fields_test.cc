#include "server/rpc/convert_fields.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/engine/field_error.h"

namespace kvsift {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

TEST(CheckBytes, AcceptsExactlyTheProduct) {
  EXPECT_TRUE(CheckBytes("keys", 24, {{2, "a"}, {3, "b"}, {4, "c"}}).ok());
  EXPECT_TRUE(CheckBytes("keys", 0, {{0, "a"}, {3, "b"}}).ok());
  EXPECT_EQ(CheckBytes("keys", 25, {{2, "tokens"}, {12, "bytes"}}).message(),
            "keys: 25 bytes, expected 24 bytes (2 tokens x 12 bytes)");
}

// 2^62 * 4 is 0 modulo 2^64: what a product without an overflow check would call an empty message.
TEST(CheckBytes, AProductThatOverflowsEqualsNoSize) {
  EXPECT_FALSE(CheckBytes("keys", 0, {{int64_t{1} << 62, "tokens"}, {4, "bytes"}}).ok());
  EXPECT_FALSE(CheckBytes("keys", 0, {{kHuge, "tokens"}, {kHuge, "heads"}}).ok());
  EXPECT_TRUE(CheckBytes("keys", 0, {{kHuge, "tokens"}, {0, "heads"}}).ok());
}

TEST(SumOfCounts, RefusesNegativeCountsAndOverflow) {
  const int64_t good[] = {1, 0, kHuge - 1};
  EXPECT_EQ(*SumOfCounts("counts", good), kHuge);
  const int64_t negative[] = {5, -1};
  EXPECT_EQ(FieldViolationOf(SumOfCounts("counts", negative).status()),
            (FieldViolation{"counts[1]", "-1", "at least 0"}));
  const int64_t overflowing[] = {kHuge, 1};
  EXPECT_EQ(FieldViolationOf(SumOfCounts("counts", overflowing).status())->field, "counts[1]");
}

TEST(CheckRange, IncludesBothEnds) {
  EXPECT_TRUE(CheckRange("k", 1, 1, 9).ok());
  EXPECT_TRUE(CheckRange("k", 9, 1, 9).ok());
  EXPECT_EQ(CheckRange("k", 0, 1, 9).message(), "k: 0, expected 1 to 9");
  EXPECT_FALSE(CheckRange("k", 10, 1, 9).ok());
}

TEST(ConvertElementType, KnowsAllTypesAndNoOthers) {
  EXPECT_EQ(*ConvertElementType("t", v1::ELEMENT_TYPE_UNSPECIFIED), std::nullopt);
  EXPECT_EQ(*ConvertElementType("t", v1::ELEMENT_TYPE_FLOAT16), ElementType::kFloat16);
  EXPECT_EQ(*ConvertElementType("t", v1::ELEMENT_TYPE_BFLOAT16), ElementType::kBfloat16);
  EXPECT_EQ(*ConvertElementType("t", v1::ELEMENT_TYPE_FLOAT32), ElementType::kFloat32);
  EXPECT_FALSE(ConvertElementType("t", v1::ElementType(4)).ok());
  EXPECT_FALSE(ConvertElementType("t", v1::ElementType(-1)).ok());
}

TEST(ConvertPageSize, Is100WhereNothingIsAsked) {
  EXPECT_EQ(*ConvertPageSize(0), 100);
  EXPECT_EQ(*ConvertPageSize(1000), 1000);
  EXPECT_FALSE(ConvertPageSize(1001).ok());
  EXPECT_FALSE(ConvertPageSize(-1).ok());
}

}  // namespace
}  // namespace kvsift
