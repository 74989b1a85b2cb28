// Sizes of codes: how many words and bytes a vector becomes.
//
// A code is a set of bit planes, least significant first. A plane holds one bit per dimension
// in little-endian 32-bit words: dimension i is bit i % 32 of word i / 32. The padded dimension
// D, not head_dim, decides every size.
#ifndef KVSIFT_KERNELS_FORMAT_CODE_SHAPE_H_
#define KVSIFT_KERNELS_FORMAT_CODE_SHAPE_H_

#include <algorithm>
#include <bit>
#include <cstdint>

namespace kvsift {

inline constexpr int kMaxHeadDim = 256;
inline constexpr int kMinPaddedDim = 32;
inline constexpr int kMaxKeyBits = 3;
inline constexpr int kFineQueryBits = 4;  // the query of asymmetric_dot
inline constexpr int kFineQueryMax = 7;   // its codes are -7 .. 7

// D: head_dim rounded up to a power of two, at least 32. REQUIRES: 1 <= head_dim <= 256.
constexpr int PaddedDim(int head_dim) {
  return std::max(kMinPaddedDim, static_cast<int>(std::bit_ceil(static_cast<unsigned>(head_dim))));
}

// 32-bit words of one plane: D / 32.
constexpr int PlaneWords(int head_dim) { return PaddedDim(head_dim) / 32; }

// 32-bit words of a code of `planes` planes.
constexpr int CodeWords(int head_dim, int planes) { return planes * PlaneWords(head_dim); }

// Bytes of a code of `planes` planes; a 2-bit key of head_dim 128 has 32.
constexpr int64_t CodeBytes(int head_dim, int planes) {
  return int64_t{4} * CodeWords(head_dim, planes);
}

// Most codes a key coordinate can take: 2^bits.
constexpr int KeyLevels(int key_bits) { return 1 << key_bits; }

// Thresholds of one (layer, kv head): 2^bits - 1.
constexpr int ThresholdCount(int key_bits) { return KeyLevels(key_bits) - 1; }

// The odd integer a key code stands for in the dot estimators: 2 * code - (2^bits - 1).
constexpr int Level(int code, int key_bits) { return 2 * code - ThresholdCount(key_bits); }

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_FORMAT_CODE_SHAPE_H_
