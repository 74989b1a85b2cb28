// Sixteen wire codes become a tile: a transposition of words, and the pairing of planes.
#if defined(KVSIFT_CPU_FULL_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_FULL_TILE_INL_H_
#undef KVSIFT_CPU_FULL_TILE_INL_H_
#else
#define KVSIFT_CPU_FULL_TILE_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "kernels/cpu/target-inl.h"
#include "kernels/cpu/tile_codes.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Keys lie in lanes, at most a tile of them in a vector, four in each block of 128 bits.
using TileWords = hn::CappedTag<uint32_t, kTilePositions>;
using VW = hn::Vec<TileWords>;
inline constexpr int kWordLanes = HWY_MIN(HWY_MAX_BYTES / 4, kTilePositions);
inline constexpr int kBlockWords = 4;

// Most words of a key: three planes of 256 dimensions.
inline constexpr int kMostKeyWords = 24;

using BlockWords = hn::FixedTag<uint32_t, kBlockWords>;

// The first `words` of four words; the rest is zero.
HWY_INLINE hn::Vec<BlockWords> LoadBlock(const std::byte* code, int words) {
  HWY_ALIGN uint32_t padded[kBlockWords] = {};
  if (words >= kBlockWords) {
    return hn::BitCast(BlockWords(), hn::LoadU(hn::Repartition<uint8_t, BlockWords>(),
                                               reinterpret_cast<const uint8_t*>(code)));
  }
  std::memcpy(padded, code, 4 * static_cast<size_t>(words));
  return hn::Load(BlockWords(), padded);
}

// Block g of the vector comes from key 4g.
HWY_INLINE VW LoadBlocks(const std::byte* code, [[maybe_unused]] int64_t stride, int words) {
#if HWY_MAX_BYTES >= 64
  const hn::Half<TileWords> half;
  const auto low = hn::Combine(half, LoadBlock(code + 4 * stride, words), LoadBlock(code, words));
  const auto high =
      hn::Combine(half, LoadBlock(code + 12 * stride, words), LoadBlock(code + 8 * stride, words));
  return hn::Combine(TileWords(), high, low);
#elif HWY_MAX_BYTES >= 32
  return hn::Combine(TileWords(), LoadBlock(code + 4 * stride, words), LoadBlock(code, words));
#else
  return LoadBlock(code, words);
#endif
}

HWY_INLINE VW InterleaveLowerPairs(VW a, VW b) {
  const hn::Repartition<uint64_t, TileWords> d;
  return hn::BitCast(TileWords(), hn::InterleaveLower(d, hn::BitCast(d, a), hn::BitCast(d, b)));
}

HWY_INLINE VW InterleaveUpperPairs(VW a, VW b) {
  const hn::Repartition<uint64_t, TileWords> d;
  return hn::BitCast(TileWords(), hn::InterleaveUpper(d, hn::BitCast(d, a), hn::BitCast(d, b)));
}

// Up to four words of kWordLanes keys: word w of key l goes to rows[16 w + l].
HWY_INLINE void TransposeWords(const std::byte* code, int64_t stride, int words, uint32_t* rows) {
  const TileWords d;
  const VW k0 = LoadBlocks(code, stride, words);
  const VW k1 = LoadBlocks(code + stride, stride, words);
  const VW k2 = LoadBlocks(code + 2 * stride, stride, words);
  const VW k3 = LoadBlocks(code + 3 * stride, stride, words);
  const VW low01 = hn::InterleaveLower(d, k0, k1);
  const VW low23 = hn::InterleaveLower(d, k2, k3);
  const VW high01 = hn::InterleaveUpper(d, k0, k1);
  const VW high23 = hn::InterleaveUpper(d, k2, k3);
  hn::Store(InterleaveLowerPairs(low01, low23), d, rows);
  hn::Store(InterleaveUpperPairs(low01, low23), d, rows + kTilePositions);
  hn::Store(InterleaveLowerPairs(high01, high23), d, rows + 2 * kTilePositions);
  hn::Store(InterleaveUpperPairs(high01, high23), d, rows + 3 * kTilePositions);
}

// Words of all planes [words, 16] become pair words.
HWY_INLINE void WritePairs(const uint32_t* rows, int plane_words, uint32_t* tile) {
  const TileWords d;
  const VW even_bits = hn::Set(d, kEvenBits);
  for (int v = 0; v < plane_words; ++v) {
    for (int lane = 0; lane < kTilePositions; lane += kWordLanes) {
      const VW low = hn::Load(d, rows + v * kTilePositions + lane);
      const VW high = hn::Load(d, rows + (plane_words + v) * kTilePositions + lane);
      const VW even = hn::Or(hn::And(low, even_bits), hn::ShiftLeft<1>(hn::And(high, even_bits)));
      const VW odd =
          hn::Or(hn::And(hn::ShiftRight<1>(low), even_bits), hn::AndNot(even_bits, high));
      hn::Stream(even, d, tile + 2 * v * kTilePositions + lane);
      hn::Stream(odd, d, tile + (2 * v + 1) * kTilePositions + lane);
    }
  }
}

HWY_INLINE void WriteWholeTile(const TileShape& shape, uint32_t* tile, const std::byte* codes,
                               int64_t stride) {
  const int words = shape.words();
  HWY_ALIGN uint32_t rows[(kMostKeyWords + kBlockWords) * kTilePositions];
  for (int first = 0; first < words; first += kBlockWords) {
    for (int lane = 0; lane < kTilePositions; lane += kWordLanes) {
      TransposeWords(codes + lane * stride + 4 * first, stride,
                     std::min(words - first, kBlockWords), rows + first * kTilePositions + lane);
    }
  }
  const TileWords d;
  if (shape.planes >= 2) WritePairs(rows, shape.plane_words, tile);
  for (int i = shape.pair_words() * kTilePositions; i < words * kTilePositions; i += kWordLanes) {
    hn::Stream(hn::Load(d, rows + i), d, tile + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
