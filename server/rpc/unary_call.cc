#include "server/rpc/unary_call.h"

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"

namespace kvsift {

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ByteBuffer slices(bytes);  // shares them; the reader takes its buffer apart
  const size_t size = slices.Length();
  grpc::ProtoBufferReader reader(&slices);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return InvalidField("message", absl::StrCat(size, " bytes"),
                      absl::StrCat("a serialised ", message.GetTypeName()));
}

grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  bool owns = false;
  // Into fresh slices that cannot fail.
  (void)grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, &bytes,
                                                                                   &owns);
  return bytes;
}

absl::Status DrainingError() {
  return absl::UnavailableError("the server is shutting down; retry elsewhere");
}

}  // namespace kvsift
