#include "proto/transport/message_bytes.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

namespace kvsift {

bool ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  // What fits into one read lies in one slice; a reader of several would cost more than such a
  // message.
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    return message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  }
  grpc::ByteBuffer slices(bytes);  // shares them; the reader takes its buffer apart
  grpc::ProtoBufferReader reader(&slices);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace kvsift
