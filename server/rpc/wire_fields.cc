#include "server/rpc/wire_fields.h"

#include "grpcpp/impl/codegen/proto_utils.h"

namespace kvsift {

bool ParseFields(const grpc::ByteBuffer& bytes, WireFields& fields) {
  grpc::ByteBuffer slices(bytes);  // shares them; the reader takes its buffer apart
  grpc::ProtoBufferReader reader(&slices);
  return reader.status().ok() && fields.ParseFromZeroCopyStream(&reader);
}

const std::string* FindText(const WireFields& fields, int number) {
  for (int i = fields.field_count() - 1; i >= 0; --i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() == number &&
        field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      return &field.length_delimited();
    }
  }
  return nullptr;
}

std::string TextOf(const WireFields& fields) {
  std::string text;
  fields.SerializeToString(&text);
  return text;
}

grpc::ByteBuffer BytesOf(const WireFields& fields) {
  const grpc::Slice slice(TextOf(fields));
  return {&slice, 1};
}

}  // namespace kvsift
