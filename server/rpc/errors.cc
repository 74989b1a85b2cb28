#include "server/rpc/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "server/engine/field_error.h"

namespace kvsift {
namespace {

using google::protobuf::internal::WireFormatLite;

// Fields of google.rpc.Status. Its generated code is not part of the distribution's gRPC, and a
// copy of it would clash with that of a client in the same process.
constexpr int kCodeField = 1;
constexpr int kMessageField = 2;
constexpr int kDetailsField = 3;

std::string EncodeRpcStatus(int code, const std::string& message,
                            const google::protobuf::Any& detail) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    WireFormatLite::WriteInt32(kCodeField, code, &out);
    WireFormatLite::WriteString(kMessageField, message, &out);
    WireFormatLite::WriteBytes(kDetailsField, detail.SerializeAsString(), &out);
  }
  return bytes;
}

}  // namespace

std::optional<v1::ErrorDetail> DetailOf(const absl::Status& status) {
  const auto violation = FieldViolationOf(status);
  if (!violation.has_value()) return std::nullopt;
  v1::ErrorDetail detail;
  detail.set_field(violation->field);
  detail.set_value(violation->value);
  detail.set_limit(violation->limit);
  return detail;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());  // the numbers are the same
  const std::string message(status.message());
  const auto detail = DetailOf(status);
  if (!detail.has_value()) return grpc::Status(code, message);
  google::protobuf::Any any;
  any.PackFrom(*detail);
  return grpc::Status(code, message, EncodeRpcStatus(status.raw_code(), message, any));
}

absl::Status UnderField(std::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  const absl::string_view start(prefix.data(), prefix.size());
  const auto violation = FieldViolationOf(status);
  if (violation.has_value()) {
    return FieldError(status.code(), absl::StrCat(start, violation->field), violation->value,
                      violation->limit);
  }
  return absl::Status(status.code(), absl::StrCat(start, status.message()));
}

}  // namespace kvsift
