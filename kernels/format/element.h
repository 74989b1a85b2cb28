// Element types of raw vectors as they arrive from inference engines.
#ifndef KVSIFT_KERNELS_FORMAT_ELEMENT_H_
#define KVSIFT_KERNELS_FORMAT_ELEMENT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvsift {

enum class ElementType : uint8_t {
  kFloat16,   // IEEE 754 binary16
  kBfloat16,  // upper half of IEEE 754 binary32
  kFloat32,   // IEEE 754 binary32
};

// Bytes of one element: 2, 2 or 4.
constexpr int ElementBytes(ElementType type) { return type == ElementType::kFloat32 ? 4 : 2; }

// "float16", "bfloat16" or "float32".
std::string_view ElementName(ElementType type);

// The value of a little-endian element at `bytes`, which needs no alignment. Every float16 and
// bfloat16 is exact in float32; subnormals are kept.
float LoadElement(const std::byte* bytes, ElementType type);

// The largest magnitude a raw element may have (semantics.md, "Values").
inline constexpr float kMaxElementMagnitude = 4294967296.0f;  // 2^32

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_FORMAT_ELEMENT_H_
