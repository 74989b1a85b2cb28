// The value up to which a row takes positions, found by all threads of a block.
#ifndef KVSIFT_KERNELS_CUDA_MERGE_THRESHOLD_CUH_
#define KVSIFT_KERNELS_CUDA_MERGE_THRESHOLD_CUH_

#include "kernels/cuda/bitmap_rows.cuh"

namespace kvsift::cuda {

inline constexpr int kMergeThreads = 512;
inline constexpr int kMergeWarps = kMergeThreads / 32;

__device__ __forceinline__ int LaneOfWarp() { return static_cast<int>(threadIdx.x) % 32; }
__device__ __forceinline__ int WarpOfBlock() { return static_cast<int>(threadIdx.x) / 32; }

// A sum over the warps of a block: of those before the own one, and of all.
struct WarpSums {
  uint32_t before;
  uint32_t all;
};

// `mine` is the own warp's part. Every use has shared memory of its own: one barrier is enough,
// as long as another lies between two calls of the same use.
template <int kUse>
__device__ __forceinline__ WarpSums SumWarps(uint32_t mine) {
  __shared__ uint32_t parts[kMergeWarps];
  const int lane = LaneOfWarp();
  if (lane == 0) parts[WarpOfBlock()] = mine;
  __syncthreads();
  const uint32_t part = lane < kMergeWarps ? parts[lane] : 0;
  const uint32_t up_to = InclusiveScan(part);
  return {__shfl_sync(~0u, up_to - part, WarpOfBlock()), __shfl_sync(~0u, up_to, 31)};
}

// Taken are values below `value`, and of those equal to it the `ties` most recent.
struct MergeThreshold {
  uint32_t value;
  uint32_t ties;
};

// Finds the threshold by the bits of the values from the highest in use downwards, counting into
// bins; ends early where a bin is taken whole or holds few values.
class ThresholdSearch {
 public:
  // The `wanted` smallest of values [count], which are not above `largest`.
  // REQUIRES: 1 <= wanted <= count; largest < 2^31.
  static __device__ MergeThreshold Find(const int32_t* values, int count, uint32_t wanted,
                                        uint32_t largest) {
    int top = max(32 - __clz(static_cast<int>(largest)), kBinBits);
    uint32_t prefix = 0;  // of the values that are still in question, above bit `top`
    for (;;) {
      const int shift = max(top - kBinBits, 0);
      const Chosen chosen = ChooseBin(values, count, {prefix, top, shift}, wanted);
      prefix = prefix << (top - shift) | chosen.bin;
      wanted = chosen.wanted;
      if (shift == 0) return {prefix, wanted};
      if (wanted == chosen.size) return {(prefix + 1) << shift, 0};
      if (chosen.size <= 32) return RankFew(values, count, {prefix, shift, 0}, chosen);
      top = shift;
    }
  }

 private:
  static constexpr int kBinBits = 10;
  static constexpr int kBins = 1 << kBinBits;

  // Values whose bits from `top` on are `prefix`, by their bits from `shift` on.
  struct Digit {
    uint32_t prefix;
    int top;
    int shift;

    __device__ __forceinline__ bool Covers(uint32_t value) const { return value >> top == prefix; }
    __device__ __forceinline__ uint32_t BinOf(uint32_t value) const {
      return (value >> shift) & ((1u << (top - shift)) - 1);
    }
  };

  struct Chosen {
    uint32_t bin;     // that holds the last wanted value
    uint32_t wanted;  // values of this bin
    uint32_t size;    // of this bin
  };

  static __device__ Chosen ChooseBin(const int32_t* values, int count, const Digit& digit,
                                     uint32_t wanted) {
    __shared__ uint32_t bins[kBins];
    __shared__ Chosen chosen;
    for (int i = threadIdx.x; i < kBins; i += kMergeThreads) bins[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += kMergeThreads) {
      const uint32_t value = static_cast<uint32_t>(values[i]);
      if (digit.Covers(value)) atomicAdd(&bins[digit.BinOf(value)], 1u);
    }
    __syncthreads();
    // A thread has two bins: the sums of a warp's bins say which warp looks closer.
    static_assert(kBins == 2 * kMergeThreads);
    const uint32_t low = bins[2 * threadIdx.x];
    const uint32_t high = bins[2 * threadIdx.x + 1];
    const uint32_t up_to = InclusiveScan(low + high);
    const uint32_t before = SumWarps<0>(__shfl_sync(~0u, up_to, 31)).before;
    const uint32_t below = before + up_to - low - high;
    if (below < wanted && wanted <= before + up_to) {
      const bool upper = wanted > below + low;
      chosen = {2 * threadIdx.x + upper, wanted - below - (upper ? low : 0), upper ? high : low};
    }
    __syncthreads();
    return chosen;
  }

  // The threshold among at most 32 covered values, by every warp for itself.
  static __device__ MergeThreshold RankFew(const int32_t* values, int count, const Digit& digit,
                                           const Chosen& chosen) {
    __shared__ uint32_t few[32];
    __shared__ int collected;
    if (threadIdx.x == 0) collected = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += kMergeThreads) {
      const uint32_t value = static_cast<uint32_t>(values[i]);
      if (digit.Covers(value)) few[atomicAdd(&collected, 1)] = value;
    }
    __syncthreads();
    const bool holds = LaneOfWarp() < static_cast<int>(chosen.size);
    const uint32_t own = holds ? few[LaneOfWarp()] : ~0u;
    uint32_t smaller = 0;
    uint32_t up_to = 0;
#pragma unroll
    for (int lane = 0; lane < 32; ++lane) {
      const uint32_t other = __shfl_sync(~0u, own, lane);
      smaller += other < own;
      up_to += other <= own;
    }
    const bool last = holds && smaller < chosen.wanted && chosen.wanted <= up_to;
    const int lane = __ffs(static_cast<int>(__ballot_sync(~0u, last))) - 1;
    return {__shfl_sync(~0u, own, lane), __shfl_sync(~0u, chosen.wanted - smaller, lane)};
  }
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_MERGE_THRESHOLD_CUH_
