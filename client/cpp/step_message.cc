#include "client/cpp/step_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpc/slice.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace kvsift::client {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using Request = v1::StreamStepsRequest;

// Tag and fixed64, tag and varint. gRPC keeps so few bytes in the slice itself.
constexpr int64_t kMaxHeadBytes = (1 + 8) + (1 + 10);

constexpr size_t kTagBytes = 1;  // of fields up to 15

constexpr uint32_t kBodyTag =
    WireFormatLite::MakeTag(Request::kStepFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

}  // namespace

absl::StatusOr<grpc::Slice> MakeStepBody(const v1::StepRequest& step,
                                         const std::string& traceparent, int64_t message_bytes) {
  const size_t step_bytes = step.ByteSizeLong();
  const auto prefix_bytes = static_cast<int64_t>(CodedOutputStream::VarintSize32(kBodyTag) +
                                                 CodedOutputStream::VarintSize64(step_bytes));
  const size_t trace_bytes =
      traceparent.empty() ? 0 : kTagBytes + WireFormatLite::StringSize(traceparent);
  const int64_t bytes = prefix_bytes + static_cast<int64_t>(step_bytes + trace_bytes);
  if (bytes + kMaxHeadBytes > message_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the message has ", bytes + kMaxHeadBytes,
                                                     " bytes, expected at most ", message_bytes));
  }
  grpc_slice slice = grpc_slice_malloc(static_cast<size_t>(bytes));
  uint8_t* out = CodedOutputStream::WriteTagToArray(kBodyTag, GRPC_SLICE_START_PTR(slice));
  out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(step_bytes), out);
  out = step.SerializeWithCachedSizesToArray(out);
  if (trace_bytes > 0) {
    WireFormatLite::WriteStringToArray(Request::kTraceparentFieldNumber, traceparent, out);
  }
  return grpc::Slice(slice, grpc::Slice::STEAL_REF);
}

grpc::ByteBuffer MakeStepMessage(uint64_t id, absl::Duration rest, const grpc::Slice& body) {
  std::array<uint8_t, kMaxHeadBytes> head;
  uint8_t* end = WireFormatLite::WriteFixed64ToArray(Request::kIdFieldNumber, id, head.data());
  if (rest != absl::InfiniteDuration()) {
    const int64_t us = absl::ToInt64Microseconds(absl::Ceil(rest, absl::Microseconds(1)));
    end = WireFormatLite::WriteInt64ToArray(Request::kTimeoutUsFieldNumber, us, end);
  }
  const std::array slices = {grpc::Slice(head.data(), static_cast<size_t>(end - head.data())),
                             body};
  return {slices.data(), slices.size()};
}

}  // namespace kvsift::client
