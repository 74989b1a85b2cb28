#include "client/cpp/append_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <array>
#include <string>

namespace kvsift::client {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// The head of a length-delimited field.
std::string LengthHead(int field, size_t length) {
  std::array<uint8_t, 16> head;
  uint8_t* end = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED,
                                                 head.data());
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  return {head.data(), end};
}

}  // namespace

grpc::ByteBuffer MakeAppendMessage(const v1::StreamAppendKeysRequest& request,
                                   const v1::KeyBatch& batch, int64_t key_bytes, ChunkPool& pool,
                                   const std::function<void(std::span<std::byte>)>& write) {
  const auto size = static_cast<size_t>(key_bytes);
  const std::string fields = batch.SerializeAsString();
  const std::string keys_head = LengthHead(v1::KeyBatch::kKeysFieldNumber, size);
  const grpc::Slice head(request.SerializeAsString() +
                         LengthHead(v1::StreamAppendKeysRequest::kKeysFieldNumber,
                                    fields.size() + keys_head.size() + size) +
                         fields + keys_head);
  const std::array slices = {head, pool.Make(size, write)};
  return {slices.data(), slices.size()};
}

}  // namespace kvsift::client
