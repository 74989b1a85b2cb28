#include "server/rpc/unary_call.h"

#include "absl/strings/str_cat.h"
#include "proto/transport/message_bytes.h"
#include "server/engine/field_error.h"

namespace kvsift {

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  if (ParseBytes(bytes, message)) return absl::OkStatus();
  return InvalidField("message", absl::StrCat(bytes.Length(), " bytes"),
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
