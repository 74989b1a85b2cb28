#include "tests/end_to_end/refusal.h"

#include <gmock/gmock.h>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace kvsift {
namespace {

using google::protobuf::internal::WireFormatLite;
using testing::HasSubstr;

constexpr int kDetailsField = 3;  // of google.rpc.Status

void ExpectMessage(const std::string& message, const BadInput& input) {
  EXPECT_THAT(message, HasSubstr(input.field));
  EXPECT_THAT(message, HasSubstr(input.value));
  EXPECT_THAT(message, HasSubstr(input.limit));
}

}  // namespace

std::optional<v1::ErrorDetail> DetailOf(const grpc::Status& status) {
  const std::string& bytes = status.error_details();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) != kDetailsField) {
      if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
      continue;
    }
    std::string field;
    google::protobuf::Any any;
    v1::ErrorDetail detail;
    if (WireFormatLite::ReadBytes(&in, &field) && any.ParseFromString(field) &&
        any.UnpackTo(&detail)) {
      return detail;
    }
  }
  return std::nullopt;
}

void ExpectRefused(v1::SelectionService::Stub& stub, const BadInput& input) {
  SCOPED_TRACE(input.name);
  const Outcome outcome = input.send(stub);
  if (input.is_entry_error) {
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    ASSERT_EQ(outcome.entry_errors.size(), 1u);
    EXPECT_EQ(outcome.entry_errors[0].code(), input.code) << outcome.entry_errors[0].message();
    return ExpectMessage(outcome.entry_errors[0].message(), input);
  }
  EXPECT_EQ(outcome.status.error_code(), input.code) << outcome.status.error_message();
  ExpectMessage(outcome.status.error_message(), input);
  const auto detail = DetailOf(outcome.status);
  ASSERT_TRUE(detail.has_value()) << outcome.status.error_message();
  EXPECT_THAT(detail->field(), HasSubstr(input.field));
  EXPECT_THAT(detail->value(), HasSubstr(input.value));
  EXPECT_THAT(detail->limit(), HasSubstr(input.limit));
}

}  // namespace kvsift
