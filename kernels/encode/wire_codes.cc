#include "kernels/encode/wire_codes.h"

#include <algorithm>
#include <cassert>

#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

// Bit i % 32 of the little-endian word i / 32 is bit i % 8 of byte i / 8 on every machine.
constexpr size_t kBits = 8;

// Bytes of one plane of D dimensions.
constexpr size_t PlaneBytes(size_t padded_dim) { return padded_dim / kBits; }

}  // namespace

void PackPlanes(std::span<const int8_t> values, int planes, std::byte* words) {
  assert(values.size() % 32 == 0);
  const size_t plane_bytes = PlaneBytes(values.size());
  std::fill_n(words, plane_bytes * static_cast<size_t>(planes), std::byte{0});
  for (int plane = 0; plane < planes; ++plane, words += plane_bytes) {
    for (size_t i = 0; i < values.size(); ++i) {
      const int bit = (values[i] >> plane) & 1;
      words[i / kBits] |= static_cast<std::byte>(bit << (i % kBits));
    }
  }
}

void UnpackPlanes(const std::byte* words, int planes, std::span<int8_t> values) {
  assert(values.size() % 32 == 0);
  const size_t plane_bytes = PlaneBytes(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    int value = 0;
    for (int plane = 0; plane < planes; ++plane) {
      const std::byte byte = words[static_cast<size_t>(plane) * plane_bytes + i / kBits];
      value |= (std::to_integer<int>(byte) >> (i % kBits) & 1) << plane;
    }
    values[i] = static_cast<int8_t>(value);
  }
}

void UnpackSignedPlanes(const std::byte* words, std::span<int8_t> values) {
  UnpackPlanes(words, kFineQueryBits, values);
  for (int8_t& value : values) {
    if (value > kFineQueryMax) value = static_cast<int8_t>(value - 16);
  }
}

int64_t FirstInvalidQueryCode(std::span<const std::byte> codes, int padded_dim) {
  const size_t plane_bytes = PlaneBytes(static_cast<size_t>(padded_dim));
  const size_t code_bytes = kFineQueryBits * plane_bytes;
  for (size_t code = 0; code * code_bytes < codes.size(); ++code) {
    const std::byte* planes = codes.data() + code * code_bytes;
    for (size_t i = 0; i < plane_bytes; ++i) {
      // -8 is 1000 in two's complement: plane 3 alone.
      const std::byte lower = planes[i] | planes[plane_bytes + i] | planes[2 * plane_bytes + i];
      if ((planes[3 * plane_bytes + i] & ~lower) != std::byte{0}) return static_cast<int64_t>(code);
    }
  }
  return -1;
}

bool IsValidQueryScale(float scale) {
  // Comparisons with NaN are false.
  return scale == 0 || (scale >= kMinQueryScale && scale <= kMaxQueryScale);
}

bool IsZeroCode(std::span<const std::byte> code) {
  return std::all_of(code.begin(), code.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace kvsift
