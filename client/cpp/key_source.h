// The keys of a request, ready to be cut into messages.
#ifndef KVSIFT_CLIENT_CPP_KEY_SOURCE_H_
#define KVSIFT_CLIENT_CPP_KEY_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kvsift/store.h"
#include "kvsift/vectors.h"

namespace kvsift::client {

// Reads [layers, tokens, kv_heads, ...] vectors and writes what travels: the bytes as they are, or
// codes made here. A view: the vectors outlive it.
class KeySource {
 public:
  // Raw keys with an element that the service refuses are left raw, so that the service names the
  // entry and answers its neighbours.
  // Errors: NOT_FOUND for a layer the store does not hold, INVALID_ARGUMENT for a wrong size,
  // FAILED_PRECONDITION for raw keys where the store has no key scales.
  static absl::StatusOr<KeySource> Make(const Store& store, std::span<const int32_t> layer_ids,
                                        int64_t tokens, const Vectors& keys, EncodeOn encode);

  // Type of what travels; nothing for codes.
  std::optional<ElementType> wire_type() const { return wire_type_; }

  // Bytes that travel for one position of all layers.
  int64_t position_bytes() const { return wire_bytes_ * static_cast<int64_t>(layers_.size()); }

  // Bytes that travel for `count` tokens of one layer.
  int64_t bytes(int64_t count) const { return count * wire_bytes_; }

  // Writes what travels for tokens [first, first + count) of the request's layer `layer`, an
  // index into layer_ids, to `out` [bytes(count)].
  void Write(int layer, int64_t first, int64_t count, std::span<std::byte> out) const;
  int layers() const { return static_cast<int>(layers_.size()); }

 private:
  KeySource() = default;

  StoreFormat format_;
  std::vector<int> layers_;  // indices into the store's layers
  int64_t tokens_ = 0;
  Vectors keys_;
  int64_t given_bytes_ = 0;  // of one token of one layer, as it was handed over
  int64_t wire_bytes_ = 0;   // and as it travels
  std::optional<ElementType> wire_type_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_KEY_SOURCE_H_
