#include "server/rpc/errors.h"

#include <gtest/gtest.h>

#include "google/protobuf/any.pb.h"
#include "kvsift/v1/error.pb.h"
#include "server/engine/field_error.h"

namespace kvsift {
namespace {

TEST(ToGrpcStatus, KeepsEveryCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "in words"));
    EXPECT_EQ(status.error_code(), static_cast<grpc::StatusCode>(code));
    EXPECT_EQ(status.error_message(), "in words");
    EXPECT_EQ(status.error_details(), "");
  }
}

// google.rpc.Status {code = 1; message = 2; details = 3}, written out byte by byte.
TEST(ToGrpcStatus, PutsAFieldViolationIntoTheDetails) {
  const grpc::Status status =
      ToGrpcStatus(FieldError(absl::StatusCode::kInvalidArgument, "k", "0", "1 to 9"));
  EXPECT_EQ(status.error_message(), "k: 0, expected 1 to 9");
  const std::string head = std::string("\x08\x03\x12\x15", 4) + "k: 0, expected 1 to 9";
  ASSERT_EQ(status.error_details().substr(0, head.size()), head);
  const std::string tail = status.error_details().substr(head.size());
  ASSERT_GT(tail.size(), 2u);
  EXPECT_EQ(tail[0], '\x1a');
  EXPECT_EQ(static_cast<size_t>(tail[1]), tail.size() - 2);
  google::protobuf::Any any;
  ASSERT_TRUE(any.ParseFromString(tail.substr(2)));
  EXPECT_EQ(any.type_url(), "type.googleapis.com/kvsift.v1.ErrorDetail");
  v1::ErrorDetail detail;
  ASSERT_TRUE(any.UnpackTo(&detail));
  EXPECT_EQ(detail.field(), "k");
  EXPECT_EQ(detail.value(), "0");
  EXPECT_EQ(detail.limit(), "1 to 9");
}

TEST(UnderField, PrefixesTheMessageAndTheField) {
  const absl::Status inner = FieldError(absl::StatusCode::kNotFound, "k", "0", "1 to 9");
  const absl::Status outer = UnderField("policies[1].", inner);
  EXPECT_EQ(outer.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(outer.message(), "policies[1].k: 0, expected 1 to 9");
  EXPECT_EQ(FieldViolationOf(outer), (FieldViolation{"policies[1].k", "0", "1 to 9"}));
  EXPECT_EQ(UnderField("a.", absl::InternalError("b")), absl::InternalError("a.b"));
  EXPECT_TRUE(UnderField("a.", absl::OkStatus()).ok());
}

}  // namespace
}  // namespace kvsift
