// A few bytes of protobuf's wire format, for what is sent without a message object.
#ifndef KVSIFT_SERVER_RPC_WIRE_TEXT_H_
#define KVSIFT_SERVER_RPC_WIRE_TEXT_H_

#include <cstddef>
#include <cstdint>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/slice.h"

namespace kvsift {

// Bytes of the head of a length-delimited field: its tag (of a field below 16) and its length.
inline size_t LengthHeadBytes(size_t length) {
  return 1 + google::protobuf::io::CodedOutputStream::VarintSize64(length);
}

// Collects at most kCapacity bytes.
class WireText {
 public:
  static constexpr size_t kCapacity = 64;

  void Fixed64(int field, uint64_t value) { end_ = Wire::WriteFixed64ToArray(field, value, end_); }
  void Int32(int field, int32_t value) { end_ = Wire::WriteInt32ToArray(field, value, end_); }
  // The head of a length-delimited field, whose `length` bytes follow.
  void Length(int field, size_t length) {
    end_ = Wire::WriteTagToArray(field, Wire::WIRETYPE_LENGTH_DELIMITED, end_);
    end_ = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(length, end_);
  }

  // What was collected, which begins anew.
  grpc::Slice Take() {
    const grpc::Slice slice(bytes_, static_cast<size_t>(end_ - bytes_));
    end_ = bytes_;
    return slice;
  }
  bool empty() const { return end_ == bytes_; }

 private:
  using Wire = google::protobuf::internal::WireFormatLite;

  uint8_t bytes_[kCapacity];
  uint8_t* end_ = bytes_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_WIRE_TEXT_H_
