#include "client/cpp/status.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <string>

#include "absl/strings/cord.h"

namespace kvsift::client {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr char kDetailUrl[] = "type.googleapis.com/kvsift.v1.ErrorDetail";

// Field `details` of google.rpc.Status, whose generated code distributions do not install.
constexpr int kDetailsField = 3;

// The first ErrorDetail among the details of a serialized google.rpc.Status.
std::optional<v1::ErrorDetail> FindDetail(const std::string& rpc_status) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(rpc_status.data()),
                                               static_cast<int>(rpc_status.size()));
  while (const uint32_t tag = input.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) != kDetailsField ||
        WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&input, tag)) return std::nullopt;
      continue;
    }
    uint32_t size = 0;
    std::string bytes;
    google::protobuf::Any any;
    v1::ErrorDetail detail;
    if (!input.ReadVarint32(&size) || !input.ReadString(&bytes, static_cast<int>(size)) ||
        !any.ParseFromString(bytes)) {
      return std::nullopt;
    }
    if (any.Is<v1::ErrorDetail>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

void AttachDetail(const v1::ErrorDetail& detail, absl::Status& status) {
  status.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
}

}  // namespace

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status out(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  const std::optional<v1::ErrorDetail> detail = FindDetail(status.error_details());
  if (detail.has_value()) AttachDetail(*detail, out);
  return out;
}

absl::Status ToAbslStatus(int32_t code, const std::string& message, const v1::ErrorDetail& detail) {
  absl::Status out(static_cast<absl::StatusCode>(code), message);
  if (!detail.field().empty()) AttachDetail(detail, out);
  return out;
}

std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kDetailUrl);
  v1::ErrorDetail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return ErrorDetail{detail.field(), detail.value(), detail.limit()};
}

std::vector<EntryError> ToEntryErrors(
    const google::protobuf::RepeatedPtrField<v1::EntryError>& errors) {
  std::vector<EntryError> out;
  out.reserve(errors.size());
  for (const v1::EntryError& error : errors) {
    out.push_back({error.entry(),
                   absl::Status(static_cast<absl::StatusCode>(error.code()), error.message()),
                   error.length(), error.epoch()});
  }
  return out;
}

}  // namespace kvsift::client
