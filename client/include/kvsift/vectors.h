// Keys and queries as callers hand them over.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_VECTORS_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/format/element.h"

namespace kvsift::client {

// Vectors end to end: raw elements (little-endian, after rotary embedding), or ready codes in
// wire layout (kernels/format/code_shape.h). Does not own its bytes.
struct Vectors {
  std::span<const std::byte> bytes = {};
  std::optional<ElementType> raw = {};  // nothing: `bytes` are codes
};

// A view of raw vectors in 16-bit elements.
inline Vectors Float16Vectors(std::span<const uint16_t> elements) {
  return {std::as_bytes(elements), ElementType::kFloat16};
}
inline Vectors Bfloat16Vectors(std::span<const uint16_t> elements) {
  return {std::as_bytes(elements), ElementType::kBfloat16};
}
inline Vectors Float32Vectors(std::span<const float> elements) {
  return {std::as_bytes(elements), ElementType::kFloat32};
}

// Where raw vectors become codes. The bits are the same.
enum class EncodeOn : uint8_t {
  kServer,  // raw elements travel
  kClient,  // codes travel: for 2-bit keys an eighth of float16's bytes, a sixteenth of float32's
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_VECTORS_H_
