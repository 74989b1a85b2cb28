// The planes of sixteen keys, cut a dimension at a time, as the codes of one key after another.
#if defined(KVSIFT_CPU_KEY_PLANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_KEY_PLANES_INL_H_
#undef KVSIFT_CPU_KEY_PLANES_INL_H_
#else
#define KVSIFT_CPU_KEY_PLANES_INL_H_
#endif

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/key_lanes-inl.h"

#if HWY_TARGET == HWY_AVX3_DL
HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

using Bytes = hn::ScalableTag<uint8_t>;
using VB = hn::Vec<Bytes>;

// Bit k of masks[plane][i]: that of dimension i of key k.
template <int kDim, int kBits>
struct PlaneMasks {
  alignas(64) uint16_t masks[kBits][kDim];
};

// Indices into the 128 bytes of two registers.
struct ByteTable {
  alignas(64) std::array<uint8_t, 64> at;

  HWY_INLINE VB Pick(VB a, VB b) const {
    return VB{_mm512_permutex2var_epi8(a.raw, hn::Load(Bytes(), at.data()).raw, b.raw)};
  }
};

// Of 64 masks, those of keys 8 * half to 8 * half + 7, eight dimensions in a word of 64 bits. The
// dimensions descend because gf2p8affineqb counts the rows of its matrix down.
constexpr ByteTable MaskBytes(int half) {
  ByteTable table{};
  for (int i = 0; i < 64; ++i) {
    table.at[static_cast<size_t>(i)] = static_cast<uint8_t>(2 * (8 * (i / 8) + 7 - i % 8) + half);
  }
  return table;
}

// Of two registers [8 words, 8 keys] of bytes, the words of keys [first, first + keys): each key's
// `8 / keys` words from both, the first register's before the second's.
constexpr ByteTable KeyWords(int first, int keys) {
  ByteTable table{};
  const int key_bytes = 64 / keys;
  for (int i = 0; i < 64; ++i) {
    const int byte = i % key_bytes;
    table.at[static_cast<size_t>(i)] =
        static_cast<uint8_t>(byte / 8 * 64 + byte % 8 * 8 + first + i / key_bytes);
  }
  return table;
}

// Turns each word of eight bytes, a matrix of bits, around its diagonal.
HWY_INLINE VB TransposeBits(VB rows) {
  const __m512i diagonal = _mm512_set1_epi64(static_cast<int64_t>(0x8040201008040201u));
  return VB{_mm512_gf2p8affine_epi64_epi8(diagonal, rows.raw, 0)};
}

template <int kDim, int kBits>
struct CodeWriter {
  static constexpr int kWords = kBits * kDim / 64;  // 64-bit words of one code
  static constexpr int kCodeBytes = 8 * kWords;

  // `codes` is [kGroupKeys, kCodeBytes].
  static HWY_INLINE void Write(const PlaneMasks<kDim, kBits>& planes, std::byte* codes) {
    static constexpr ByteTable kMaskBytes[2] = {MaskBytes(0), MaskBytes(1)};
    const auto* masks = reinterpret_cast<const uint8_t*>(planes.masks);
    HWY_UNROLL(2)
    for (int half = 0; half < 2; ++half) {
      // Word w of the code of key k is byte k of the eight words of bits[w].
      VB bits[kWords];
      HWY_UNROLL(6)
      for (int w = 0; w < kWords; ++w) {
        const VB low = hn::Load(Bytes(), masks + 128 * w);
        const VB high = hn::Load(Bytes(), masks + 128 * w + 64);
        bits[w] = TransposeBits(kMaskBytes[half].Pick(low, high));
      }
      WriteEight(bits, reinterpret_cast<uint8_t*>(codes) + half * 8 * kCodeBytes);
    }
  }

 private:
  static HWY_INLINE void WriteEight(const VB (&bits)[kWords], uint8_t* to) {
    static constexpr ByteTable kPairs[2] = {KeyWords(0, 4), KeyWords(4, 4)};
    if constexpr (kWords == 2) {
      hn::StoreU(kPairs[0].Pick(bits[0], bits[1]), Bytes(), to);
      hn::StoreU(kPairs[1].Pick(bits[0], bits[1]), Bytes(), to + 64);
    } else if constexpr (kWords == 4) {
      HWY_UNROLL(2)
      for (int i = 0; i < 2; ++i) {
        const VB low = kPairs[i].Pick(bits[0], bits[1]);
        const VB high = kPairs[i].Pick(bits[2], bits[3]);
        StorePairs(low, high, to + 128 * i);
      }
    } else {
      WriteWords(bits, to);
    }
  }

  // Writes the codes of four keys, whose words 0 and 1 are in `low`, 2 and 3 in `high`.
  static HWY_INLINE void StorePairs(VB low, VB high, uint8_t* to) {
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    hn::StoreU(VB{_mm512_permutex2var_epi64(low.raw, first, high.raw)}, Bytes(), to);
    hn::StoreU(VB{_mm512_permutex2var_epi64(low.raw, second, high.raw)}, Bytes(), to + 64);
  }

  // For codes of other sizes.
  static HWY_INLINE void WriteWords(const VB (&bits)[kWords], uint8_t* to) {
    static constexpr ByteTable kWordOfKey = KeyWords(0, 8);
    alignas(64) uint64_t words[kWords][8];
    for (int w = 0; w < kWords; ++w) {
      hn::Store(hn::BitCast(hn::ScalableTag<uint64_t>(), kWordOfKey.Pick(bits[w], bits[w])),
                hn::ScalableTag<uint64_t>(), words[w]);
    }
    for (int key = 0; key < 8; ++key) {
      for (int w = 0; w < kWords; ++w) {
        hwy::CopyBytes<8>(&words[w][key], to + key * kCodeBytes + 8 * w);
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET == HWY_AVX3_DL

#endif
