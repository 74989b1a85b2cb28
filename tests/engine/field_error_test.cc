#include "server/engine/field_error.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

TEST(FieldError, NamesFieldValueAndLimit) {
  const absl::Status status =
      FieldError(absl::StatusCode::kInvalidArgument, "policies[1].k", "0", "1 to 65536");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "policies[1].k: 0, expected 1 to 65536");
  EXPECT_EQ(FieldViolationOf(status), (FieldViolation{"policies[1].k", "0", "1 to 65536"}));
}

TEST(FieldError, EscapesWhatIsNotPrintable) {
  const absl::Status status =
      FieldError(absl::StatusCode::kNotFound, "store", std::string("a\nb\xff\0c", 6), "a name");
  EXPECT_EQ(FieldViolationOf(status)->value, "a\\nb\\xff\\x00\\x63");
}

TEST(FieldError, ShortensLongValues) {
  const absl::Status status =
      FieldError(absl::StatusCode::kNotFound, "store", std::string(200000, 'x'), "a name");
  EXPECT_EQ(FieldViolationOf(status)->value, std::string(125, 'x') + "...");
}

TEST(FieldError, OtherStatusesCarryNone) {
  EXPECT_EQ(FieldViolationOf(absl::NotFoundError("x")), std::nullopt);
  EXPECT_EQ(FieldViolationOf(absl::OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace kvsift
