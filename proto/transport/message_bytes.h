// Messages from the bytes of a call.
#ifndef KVSIFT_PROTO_TRANSPORT_MESSAGE_BYTES_H_
#define KVSIFT_PROTO_TRANSPORT_MESSAGE_BYTES_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

namespace kvsift {

// Parses `bytes` into `message`. False if they are no such message.
bool ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

}  // namespace kvsift

#endif  // KVSIFT_PROTO_TRANSPORT_MESSAGE_BYTES_H_
