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

#include "kernels/cuda/binary_mma.cuh"
#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select.h"

namespace kvsift::cuda {

// Loads what is not needed a second time, past the first-level cache.
__device__ __forceinline__ uint4 LoadOnce(const uint4* from) {
  uint4 value;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
      : "l"(from));
  return value;
}
__device__ __forceinline__ uint2 LoadOnce(const uint2* from) {
  uint2 value;
  asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
      : "=r"(value.x), "=r"(value.y)
      : "l"(from));
  return value;
}

// The planes of 128 dimensions of two keys, key g and key g + 8.
struct KeyPlanes {
  uint32_t low, low8;
  uint32_t high, high8;
  uint32_t both, both8;  // low AND high
};

// sums += twice the popcount over 128 bits.
__device__ __forceinline__ void AndTwice(int (&sums)[4], uint32_t a, uint32_t a8, uint32_t b) {
  And256(sums, a, a8, a, a8, b, b);
}

// Counts of several weights are gathered by Horner's rule: between two instructions the sums are
// multiplied, which needs few registers. An instruction that is given a plane twice counts it
// twice, which is cheaper than to multiply by 2.
__device__ __forceinline__ void Multiply(int (&sums)[4], int factor) {
#pragma unroll
  for (int i = 0; i < 4; ++i) sums[i] *= factor;
}

// The query side of one 128-dimension chunk: what the planes of a key are ANDed with. Score gives
// the goodness of all chunks; AddBounds adds the least and the largest goodness that the 32
// dimensions of this lane can give.
template <Estimate kEstimate>
struct QueryPlanes;

// a = q0 + 2 q1 + 4 q2 - 8 q3; pairs of equal weight share one instruction.
template <>
struct QueryPlanes<Estimate::kAsymmetricDot> {
  uint32_t q0, q1, q2, q3;

  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t p2, uint32_t p3) {
    q0 = p0, q1 = p1, q2 = p2, q3 = p3;
  }

  // 4 (-2 (2 h q3 + l q3) + 2 h q2 + (l q2 + h q1)) + 2 l q1 + 2 h q0 + l q0.
  template <class Chunk, int kChunks>
  __device__ static void Score(const Chunk (&q)[kChunks], const KeyPlanes (&k)[kChunks],
                               int (&sums)[4]) {
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      AndTwice(sums, k[i].high, k[i].high8, q[i].q3);
      And128(sums, k[i].low, k[i].low8, q[i].q3);
    }
    Multiply(sums, -2);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      AndTwice(sums, k[i].high, k[i].high8, q[i].q2);
      And256(sums, k[i].low, k[i].low8, k[i].high, k[i].high8, q[i].q2, q[i].q1);
    }
    Multiply(sums, 4);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      AndTwice(sums, k[i].low, k[i].low8, q[i].q1);
      AndTwice(sums, k[i].high, k[i].high8, q[i].q0);
      And128(sums, k[i].low, k[i].low8, q[i].q0);
    }
  }

  __device__ void AddBounds(int& least, int& most) const {
    least += 3 * (__popc(q0 & q3) + 2 * __popc(q1 & q3) + 4 * __popc(q2 & q3) - 8 * __popc(q3));
    most += 3 * (__popc(q0 & ~q3) + 2 * __popc(q1 & ~q3) + 4 * __popc(q2 & ~q3));
  }
};

template <>
struct QueryPlanes<Estimate::kManhattan> {
  uint32_t zero, high, middle;

  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t, uint32_t) {
    zero = ~(p0 | p1), high = p1, middle = p0 ^ p1;
  }

  template <class Chunk, int kChunks>
  __device__ static void Score(const Chunk (&q)[kChunks], const KeyPlanes (&k)[kChunks],
                               int (&sums)[4]) {
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      And256(sums, k[i].low, k[i].low8, k[i].high, k[i].high8, q[i].zero, q[i].zero);
      And128(sums, k[i].both, k[i].both8, q[i].middle);
    }
    Multiply(sums, -1);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) And128(sums, k[i].high, k[i].high8, q[i].high);
    Multiply(sums, 2);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) And128(sums, k[i].low, k[i].low8, ~0u);
  }

  __device__ void AddBounds(int& least, int& most) const {
    const int ones = __popc(middle & ~high);
    least -= 3 * __popc(zero) + ones;
    most += ones + 2 * __popc(middle & high) + 3 * __popc(high & ~middle);
  }
};

template <>
struct QueryPlanes<Estimate::kSquaredEuclidean> {
  uint32_t low, high;

  __device__ void Set(uint32_t p0, uint32_t p1, uint32_t, uint32_t) { low = p0, high = p1; }

  // The distance without q^2, negated: 2 (2 (-(h + n) + 2 h q1 + (l q1 + h q0)) + l q0) - l.
  template <class Chunk, int kChunks>
  __device__ static void Score(const Chunk (&q)[kChunks], const KeyPlanes (&k)[kChunks],
                               int (&sums)[4]) {
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      And256(sums, k[i].high, k[i].high8, k[i].both, k[i].both8, ~0u, ~0u);
    }
    Multiply(sums, -1);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      AndTwice(sums, k[i].high, k[i].high8, q[i].high);
      And256(sums, k[i].low, k[i].low8, k[i].high, k[i].high8, q[i].high, q[i].low);
    }
    Multiply(sums, 2);
    int ones[4] = {};
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      And128(sums, k[i].low, k[i].low8, q[i].low);
      And128(ones, k[i].low, k[i].low8, ~0u);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[i] = 2 * sums[i] - ones[i];
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
      loaded.words[chunk] = LoadOnce(reinterpret_cast<const uint4*>(tile) + chunk * 32 + slot);
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
    KeyPlanes keys[kDimChunks];
#pragma unroll
    for (int chunk = 0; chunk < kDimChunks; ++chunk) {
      const uint4& w = tile.words[chunk];
      keys[chunk] = {w.x, w.y, w.z, w.w, w.x & w.z, w.y & w.w};
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) goodness[i] = 0;
    QueryPlanes<kEstimate>::Score(query_, keys, goodness);
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
    query_[0].Set(p[0], p[1], p[2], p[3]);
  }

  __device__ static Tile Load(const uint8_t* tile, int slot) {
    return LoadOnce(reinterpret_cast<const uint2*>(tile) + slot);
  }

  // Bounds of the goodness of column (lane / 4), whose lanes t and t + 2 have the same word.
  __device__ void Bounds(int, int& least, int& most) const {
    least = most = 0;
    query_[0].AddBounds(least, most);
    least += __shfl_xor_sync(~0u, least, 1);
    most += __shfl_xor_sync(~0u, most, 1);
  }

  __device__ void Score(const Tile& tile, int (&goodness)[4]) const {
    const bool low = (threadIdx.x & 2) == 0;
    KeyPlanes keys[1] = {
        {low ? tile.x : 0, low ? tile.y : 0, low ? 0 : tile.x, low ? 0 : tile.y, 0, 0}};
    if constexpr (kEstimate == Estimate::kManhattan || kEstimate == Estimate::kSquaredEuclidean) {
      keys[0].both = keys[0].high & __shfl_xor_sync(~0u, tile.x, 2);
      keys[0].both8 = keys[0].high8 & __shfl_xor_sync(~0u, tile.y, 2);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) goodness[i] = 0;
    QueryPlanes<kEstimate>::Score(query_, keys, goodness);
  }

 private:
  QueryPlanes<kEstimate> query_[1];
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SCORER_CUH_
