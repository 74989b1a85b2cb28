// Messages of the standard services, of which distributions install no generated code.
#ifndef KVSIFT_SERVER_RPC_WIRE_FIELDS_H_
#define KVSIFT_SERVER_RPC_WIRE_FIELDS_H_

#include <string>

#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/support/byte_buffer.h"

namespace kvsift {

// A message by the numbers of its fields.
using WireFields = google::protobuf::UnknownFieldSet;

// False if they are no message.
bool ParseFields(const grpc::ByteBuffer& bytes, WireFields& fields);

// The last field of this number if it holds bytes, a text or a message.
const std::string* FindText(const WireFields& fields, int number);

std::string TextOf(const WireFields& fields);
grpc::ByteBuffer BytesOf(const WireFields& fields);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_WIRE_FIELDS_H_
