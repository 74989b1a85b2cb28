// Scoring of tiles for 8 columns at once, by binary matrix instructions.
//
// A warp holds a tile. Lane 4 * g + t gets four goodness values: of keys g and g + 8 for columns
// 2 * t and 2 * t + 1. Goodness is a sum of AND-popcounts of key planes with planes made from the
// query, times small weights. For a query code q and a key code c = l + 2 h, n = l & h:
//   bilinear    sum a c, where a is the 4-bit query, or 2 q - 3 for `dot`, in two's complement:
//               the score is 2 * goodness - 3 * sum a
//   manhattan   |q - c| = q + b l + e h + d n with b = 1, -1, -1, -1; e = 2, 0, -2, -2;
//               d = 0, 2, 2, 0 for q = 0 .. 3
//   squared     (q - c)^2 = q^2 + (1 - 2 q) l + (4 - 4 q) h + 4 n
#ifndef KVSIFT_KERNELS_CUDA_SCORER_CUH_
#define KVSIFT_KERNELS_CUDA_SCORER_CUH_

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/binary_mma.cuh"
#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select.h"

namespace kvsift::cuda {

// The planes of 128 dimensions of two keys, key g and key g + 8.
struct KeyPlanes {
  uint32_t low, low8;
  uint32_t high, high8;
  uint32_t both, both8;  // low AND high
};

// The query side of one 128-dimension chunk: what the planes of a key are ANDed with. AddBounds
// adds the least and the largest goodness that its 32 dimensions can give.
template <Estimate kEstimate>
struct QueryPlanes;

// a = q0 + 2 q1 + 4 q2 - 8 q3; pairs of equal weight share one instruction.
template <>
struct QueryPlanes<Estimate::kAsymmetricDot> {
  uint32_t q0, q1, q2, q3;
  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t p2, uint32_t p3) {
    q0 = p0, q1 = p1, q2 = p2, q3 = p3;
  }
  struct Sums {
    int one[4] = {}, two[4] = {}, four[4] = {}, eight[4] = {}, less8[4] = {}, less16[4] = {};
  };
  __device__ void Add(Sums& s, const KeyPlanes& k) const {
    And128(s.one, k.low, k.low8, q0);
    And256(s.two, k.low, k.low8, k.high, k.high8, q1, q0);
    And256(s.four, k.low, k.low8, k.high, k.high8, q2, q1);
    And128(s.eight, k.high, k.high8, q2);
    And128(s.less8, k.low, k.low8, q3);
    And128(s.less16, k.high, k.high8, q3);
  }
  __device__ static int Total(const Sums& s, int i) {
    return s.one[i] +
           2 * (s.two[i] + 2 * (s.four[i] + 2 * (s.eight[i] - s.less8[i] - 2 * s.less16[i])));
  }
  __device__ void AddBounds(int& least, int& most) const {
    least += 3 * (__popc(q0 & q3) + 2 * __popc(q1 & q3) + 4 * __popc(q2 & q3) - 8 * __popc(q3));
    most += 3 * (__popc(q0 & ~q3) + 2 * __popc(q1 & ~q3) + 4 * __popc(q2 & ~q3));
  }
};

template <>
struct QueryPlanes<Estimate::kManhattan> {
  uint32_t zero, high, middle, all;
  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t, uint32_t) {
    zero = ~(p0 | p1), high = p1, middle = p0 ^ p1, all = ~0u;
  }
  struct Sums {
    int one[4] = {}, two[4] = {}, less2[4] = {};
  };
  __device__ void Add(Sums& s, const KeyPlanes& k) const {
    And128(s.one, k.low, k.low8, all);
    And128(s.two, k.high, k.high8, high);
    And256(s.less2, k.low, k.low8, k.high, k.high8, zero, zero);
    And128(s.less2, k.both, k.both8, middle);
  }
  __device__ static int Total(const Sums& s, int i) {
    return s.one[i] + 2 * (s.two[i] - s.less2[i]);
  }
  __device__ void AddBounds(int& least, int& most) const {
    const int ones = __popc(middle & ~high);
    least -= 3 * __popc(zero) + ones;
    most += ones + 2 * __popc(middle & high) + 3 * __popc(high & ~middle);
  }
};

template <>
struct QueryPlanes<Estimate::kSquaredEuclidean> {
  uint32_t low, high, all;
  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t, uint32_t) {
    low = p0, high = p1, all = ~0u;
  }
  struct Sums {
    int less1[4] = {}, two[4] = {}, four[4] = {}, eight[4] = {}, less4[4] = {};
  };
  __device__ void Add(Sums& s, const KeyPlanes& k) const {
    And128(s.less1, k.low, k.low8, all);
    And128(s.two, k.low, k.low8, low);
    And256(s.four, k.low, k.low8, k.high, k.high8, high, low);
    And128(s.eight, k.high, k.high8, high);
    And256(s.less4, k.high, k.high8, k.both, k.both8, all, all);
  }
  __device__ static int Total(const Sums& s, int i) {
    return 2 * (s.two[i] + 2 * (s.four[i] - s.less4[i] + 2 * s.eight[i])) - s.less1[i];
  }
  __device__ void AddBounds(int& least, int& most) const {
    const int ones = __popc(low & ~high);
    least -= 9 * __popc(~(low | high)) + 3 * ones;
    most += ones + 4 * __popc(high & ~low) + 9 * __popc(high & low);
  }
};

// `dot` is the bilinear form with a = 2 q - 3, whose low bit is always set.
template <>
struct QueryPlanes<Estimate::kDot> : QueryPlanes<Estimate::kAsymmetricDot> {
  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t, uint32_t) {
    QueryPlanes<Estimate::kAsymmetricDot>::Set(~0u, p0, ~p1, ~p1);
  }
};

// Query planes that a 2-bit scorer reads.
template <Estimate kEstimate>
inline constexpr int kQueryPlanes = kEstimate == Estimate::kAsymmetricDot ? 4 : 2;

// D = 128 * kDimChunks.
template <Estimate kEstimate, int kDimChunks>
class FragmentScorer {
 public:
  static constexpr int kTileBytes = 512 * kDimChunks;

  struct Tile {
    uint4 words[kDimChunks];
  };

  // Columns beyond `columns` score against a zero query; their values mean nothing.
  __device__ void Init(const CodeLayout&, const SelectColumn* columns, int count) {
    const int column = (threadIdx.x & 31) >> 2;
    const int t = threadIdx.x & 3;
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      uint32_t p[4] = {};
      for (int plane = 0; plane < kQueryPlanes<kEstimate> && column < count; ++plane) {
        p[plane] = columns[column].code[(plane * kDimChunks + chunk) * 4 + t];
      }
      query_[chunk].Set(p[0], p[1], p[2], p[3]);
    }
  }

  // `slot`: the lane whose two keys this lane takes; its own number for a whole tile.
  __device__ static Tile Load(const uint8_t* tile, int slot) {
    Tile loaded;
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      loaded.words[chunk] = __ldg(reinterpret_cast<const uint4*>(tile) + chunk * 32 + slot);
    }
    return loaded;
  }

  // Bytes between what neighbouring lanes hold of a tile.
  static constexpr int kLaneBytes = 16;

  // `slot` and `tile` are where this lane's first bytes lie.
  __device__ __forceinline__ static void Fetch(SharedAddress slot, const uint8_t* tile) {
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      CopyAsync<16>(slot + chunk * 512, tile + chunk * 512);
    }
  }

  __device__ __forceinline__ static Tile Read(SharedAddress slot) {
    Tile loaded;
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      loaded.words[chunk] = ReadShared16(slot + chunk * 512);
    }
    return loaded;
  }

  // Bounds of the goodness of column (lane / 4).
  __device__ void Bounds(int, int& least, int& most) const {
    least = most = 0;
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) query_[chunk].AddBounds(least, most);
    for (int step = 1; step < 4; step *= 2) {
      least += __shfl_xor_sync(~0u, least, step);
      most += __shfl_xor_sync(~0u, most, step);
    }
  }

  __device__ void Score(const Tile& tile, int (&goodness)[4]) const {
    typename QueryPlanes<kEstimate>::Sums sums;
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      const uint4& w = tile.words[chunk];
      query_[chunk].Add(sums, KeyPlanes{w.x, w.y, w.z, w.w, w.x & w.z, w.y & w.w});
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) goodness[i] = QueryPlanes<kEstimate>::Total(sums, i);
  }

 private:
  QueryPlanes<kEstimate> query_[kDimChunks];
};

// D = 64: a 128-bit row holds both planes, so a plane is the row with the other half cleared.
template <Estimate kEstimate>
class NarrowScorer {
 public:
  static constexpr int kTileBytes = 256;
  using Tile = uint2;

  __device__ void Init(const CodeLayout&, const SelectColumn* columns, int count) {
    const int column = (threadIdx.x & 31) >> 2;
    const int word = threadIdx.x & 1;
    uint32_t p[4] = {};
    for (int plane = 0; plane < kQueryPlanes<kEstimate> && column < count; ++plane) {
      p[plane] = columns[column].code[plane * 2 + word];
    }
    query_.Set(p[0], p[1], p[2], p[3]);
  }

  __device__ static Tile Load(const uint8_t* tile, int slot) {
    return __ldg(reinterpret_cast<const uint2*>(tile) + slot);
  }

  static constexpr int kLaneBytes = 8;

  __device__ __forceinline__ static void Fetch(SharedAddress slot, const uint8_t* tile) {
    CopyAsync<8>(slot, tile);
  }

  __device__ __forceinline__ static Tile Read(SharedAddress slot) { return ReadShared8(slot); }

  // Bounds of the goodness of column (lane / 4), whose lanes t and t + 2 have the same word.
  __device__ void Bounds(int, int& least, int& most) const {
    least = most = 0;
    query_.AddBounds(least, most);
    least += __shfl_xor_sync(~0u, least, 1);
    most += __shfl_xor_sync(~0u, most, 1);
  }

  __device__ void Score(const Tile& tile, int (&goodness)[4]) const {
    const bool low = (threadIdx.x & 2) == 0;
    KeyPlanes k{low ? tile.x : 0, low ? tile.y : 0, low ? 0 : tile.x, low ? 0 : tile.y, 0, 0};
    if constexpr (kEstimate == Estimate::kManhattan || kEstimate == Estimate::kSquaredEuclidean) {
      k.both = k.high & __shfl_xor_sync(~0u, tile.x, 2);
      k.both8 = k.high8 & __shfl_xor_sync(~0u, tile.y, 2);
    }
    typename QueryPlanes<kEstimate>::Sums sums;
    query_.Add(sums, k);
#pragma unroll
    for (int i = 0; i < 4; ++i) goodness[i] = QueryPlanes<kEstimate>::Total(sums, i);
  }

 private:
  QueryPlanes<kEstimate> query_;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SCORER_CUH_
