// What the scoring loops share: vectors of keys, sums of byte products, and the walk over tiles.
// Included once per target, within its attributes and namespace.
#if defined(KVSIFT_CPU_TILE_STEP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_TILE_STEP_INL_H_
#undef KVSIFT_CPU_TILE_STEP_INL_H_
#else
#define KVSIFT_CPU_TILE_STEP_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/cpu/score_tiles.h"
#include "kernels/cpu/target-inl.h"
#include "kernels/format/page_layout.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One key a lane, at most a tile a vector.
using Lanes32 = hn::CappedTag<int32_t, kTilePositions>;
using Lanes16 = hn::Repartition<int16_t, Lanes32>;
using Bytes = hn::Repartition<uint8_t, Lanes32>;
using Values16 = hn::Rebind<int16_t, Lanes32>;
using V32 = hn::Vec<Lanes32>;
using V16 = hn::Vec<Lanes16>;

inline constexpr int kLanes = HWY_MAX_BYTES >= 64 ? 16 : HWY_MAX_BYTES / 4;
inline constexpr int kVectorsPerTile = kTilePositions / kLanes;

// The most rows taken at once, bounded by the registers of the target.
inline constexpr int kMaxRows = kLanes == 16 ? 4 : 2;

// Vectors taken at once with `rows` rows: whole tiles, enough sums in flight to hide the latency
// of a multiplication, and a broadcast query word serves all of them.
constexpr int VectorsPerStep(int rows) {
  return kLanes == 16 ? (rows == 1 ? 4 : 2) : kVectorsPerTile;
}

// Most words of a plane: D = 256.
inline constexpr int kMaxPlaneWords = kMaxHeadDim / 32;

#if HWY_TARGET == HWY_AVX3_DL
// Sums of products of four bytes, straight into 32 bits.
using ByteSums = V32;
inline constexpr int kAddsPerFold = 1 << 20;
HWY_INLINE ByteSums ZeroByteSums() { return hn::Zero(Lanes32()); }
HWY_INLINE ByteSums AddByteProducts(ByteSums sums, V32 unsigned_bytes, V32 signed_bytes) {
  return V32{_mm512_dpbusd_epi32(sums.raw, unsigned_bytes.raw, signed_bytes.raw)};
}
HWY_INLINE V32 FoldByteSums(ByteSums sums) { return sums; }
#else
// Sums of products of two bytes in 16 bits, folded into 32 bits now and then. A pair of products
// is at most 2 * 4 * 112 (a single word of 3-bit keys), so 32 of them fit.
using ByteSums = V16;
inline constexpr int kAddsPerFold = 32;
HWY_INLINE ByteSums ZeroByteSums() { return hn::Zero(Lanes16()); }
HWY_INLINE V16 PairProducts(V32 unsigned_bytes, V32 signed_bytes) {
#if HWY_TARGET == HWY_AVX3
  return V16{_mm512_maddubs_epi16(unsigned_bytes.raw, signed_bytes.raw)};
#elif HWY_TARGET == HWY_AVX2
  return V16{_mm256_maddubs_epi16(unsigned_bytes.raw, signed_bytes.raw)};
#else
  const Lanes16 d;
  const hn::RebindToUnsigned<Lanes16> du;
  const V16 u = hn::BitCast(d, unsigned_bytes);
  const V16 s = hn::BitCast(d, signed_bytes);
  const V16 u_even = hn::And(u, hn::Set(d, 0x00FF));
  const V16 u_odd = hn::BitCast(d, hn::ShiftRight<8>(hn::BitCast(du, u)));
  const V16 s_even = hn::ShiftRight<8>(hn::ShiftLeft<8>(s));
  const V16 s_odd = hn::ShiftRight<8>(s);
  return hn::Add(hn::Mul(u_even, s_even), hn::Mul(u_odd, s_odd));
#endif
}
HWY_INLINE ByteSums AddByteProducts(ByteSums sums, V32 unsigned_bytes, V32 signed_bytes) {
  return hn::Add(sums, PairProducts(unsigned_bytes, signed_bytes));
}
HWY_INLINE V32 FoldByteSums(ByteSums sums) {
  const V32 pairs = hn::BitCast(Lanes32(), sums);
  return hn::Add(hn::ShiftRight<16>(pairs), hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs)));
}
#endif

// The sum of the four unsigned bytes of each lane.
HWY_INLINE V32 SumBytes(V32 bytes) {
  return FoldByteSums(AddByteProducts(ZeroByteSums(), bytes, hn::Set(Lanes32(), 0x01010101)));
}

// The vectors of one step: where each loads its words and how far into a row its values go.
template <int kRows>
struct Step {
  static constexpr int kVectors = VectorsPerStep(kRows);
  const int32_t* words[kVectors];
  int64_t offset[kVectors];

  HWY_INLINE V32 Load(int vector, int word) const {
    return hn::LoadU(Lanes32(), words[vector] + word * kTilePositions);
  }
};

// One word of each vector of a step.
template <int kRows>
using StepWords = V32[VectorsPerStep(kRows)];

// The rows of one call, their words side by side: [words][kRows]. One pointer to follow instead
// of one a row, which would not fit the general registers.
template <int kRows>
struct RowBlock {
  int32_t words[kMaxQueryWords * kRows];
  const ScoreRow* rows;

  RowBlock(const ScoreRow* block, int words_per_query) : rows(block) {
    for (int r = 0; r < kRows; ++r) {
      for (int i = 0; i < words_per_query; ++i) words[i * kRows + r] = block[r].words[i];
    }
  }

  HWY_INLINE V32 Word(int index, int row) const {
    return hn::Set(Lanes32(), words[index * kRows + row]);
  }
};

// How far ahead of the tiles in work memory is asked for: without it one query row over keys that
// no cache holds waits for memory about half of the time (PERFORMANCE.md).
inline constexpr int64_t kPrefetchBytes = 4096;

HWY_INLINE void PrefetchTile(const std::byte* tile, int64_t tile_bytes) {
  for (int64_t line = 0; line < tile_bytes; line += 64) {
    hwy::Prefetch(tile + kPrefetchBytes + line);
  }
}

// Calls body(step) for all tiles. Where a run ends within a step its last tile is taken again,
// which writes the same values again.
template <int kRows, class Body>
HWY_INLINE void ForEachStep(std::span<const TileRun> runs, int tile_words, const Body& body) {
  constexpr int kTiles = VectorsPerStep(kRows) / kVectorsPerTile;
  const int64_t tile_bytes = int64_t{4} * tile_words * kTilePositions;
  int64_t first = 0;
  for (const TileRun& run : runs) {
    for (int64_t t = 0; t < run.count; t += kTiles) {
      for (int i = 0; i < kTiles; ++i) {
        PrefetchTile(run.tiles + (t + i) * tile_bytes, tile_bytes);
      }
      Step<kRows> step;
      for (int s = 0; s < step.kVectors; ++s) {
        const int64_t tile = std::min<int64_t>(t + s / kVectorsPerTile, run.count - 1);
        const int lane = s % kVectorsPerTile * kLanes;
        step.words[s] =
            reinterpret_cast<const int32_t*>(run.tiles) + tile * tile_words * kTilePositions + lane;
        step.offset[s] = (first + tile) * kTilePositions + lane;
      }
      body(step);
    }
    first += run.count;
  }
}

HWY_INLINE void StoreValues(V32 values, int16_t* to) {
  hn::StoreU(hn::DemoteTo(Values16(), values), Values16(), to);
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
