// Codes on the wire: bit planes of little-endian words (format/code_shape.h).
#ifndef KVSIFT_KERNELS_ENCODE_WIRE_CODES_H_
#define KVSIFT_KERNELS_ENCODE_WIRE_CODES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace kvsift {

// Packs values [D] into `planes` planes [planes, D/32]; only the low `planes` bits of each value
// count, so signed values become two's complement. D is values.size(), a multiple of 32.
void PackPlanes(std::span<const int8_t> values, int planes, std::byte* words);

// Inverse of PackPlanes for unsigned codes: values 0 .. 2^planes - 1.
void UnpackPlanes(const std::byte* words, int planes, std::span<int8_t> values);

// Inverse of PackPlanes for 4-bit two's complement codes: values -8 .. 7.
void UnpackSignedPlanes(const std::byte* words, std::span<int8_t> values);

// Index of the first query code (of `codes` four-plane codes of D dimensions) that contains -8,
// which no encoder makes and no backend accepts, or -1.
int64_t FirstInvalidQueryCode(std::span<const std::byte> codes, int padded_dim);

// True if `scale` may come with a 4-bit query code: finite, and 0 or within
// [kMinQueryScale, kMaxQueryScale]; -0 counts as 0.
bool IsValidQueryScale(float scale);
inline constexpr float kMinQueryScale = 0x1p-110f;
inline constexpr float kMaxQueryScale = 0x1p60f;

// True if every code of the vector is 0.
bool IsZeroCode(std::span<const std::byte> code);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ENCODE_WIRE_CODES_H_
