#include "kernels/format/element.h"

#include <bit>

namespace kvsift {
namespace {

// A little-endian integer of `count` bytes.
uint32_t LoadBits(const std::byte* bytes, int count) {
  uint32_t bits = 0;
  for (int i = 0; i < count; ++i) bits |= std::to_integer<uint32_t>(bytes[i]) << (8 * i);
  return bits;
}

float FromFloat16(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in float32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  const uint32_t wide_exponent = exponent == 0x1fu ? 0xffu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

}  // namespace

std::string_view ElementName(ElementType type) {
  switch (type) {
    case ElementType::kFloat16:
      return "float16";
    case ElementType::kBfloat16:
      return "bfloat16";
    case ElementType::kFloat32:
      return "float32";
  }
  return "";
}

float LoadElement(const std::byte* bytes, ElementType type) {
  switch (type) {
    case ElementType::kFloat16:
      return FromFloat16(LoadBits(bytes, 2));
    case ElementType::kBfloat16:
      return std::bit_cast<float>(LoadBits(bytes, 2) << 16);
    case ElementType::kFloat32:
      return std::bit_cast<float>(LoadBits(bytes, 4));
  }
  return 0;
}

}  // namespace kvsift
