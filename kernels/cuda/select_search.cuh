// The search for a column's threshold: the goodness of the last position that it takes.
//
// Values are counted in a histogram of 1024 bins. The bounds of a column's goodness are computed
// from its query, so that a bin nearly always holds a single value and one round is exact; a wide
// bin is looked into by another round.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_

#include <climits>

#include "kernels/cuda/select.h"

namespace kvsift::cuda {

inline constexpr int kScanThreads = 512;  // of a block
inline constexpr int kMostWarps = 16;

__device__ __forceinline__ int BlockThreads() { return static_cast<int>(blockDim.x); }
__device__ __forceinline__ int BlockWarps() { return BlockThreads() / 32; }

inline constexpr int kChunkBins = 32;
inline constexpr int kChunks = kHistogramBins / kChunkBins;

// The values that a histogram counts: bin b has base + (b << shift) and what follows, up to `top`.
struct BinRange {
  int base;
  int top;
  int shift;

  __device__ __forceinline__ bool Holds(int value) const { return value >= base && value <= top; }
  // REQUIRES: Holds(value).
  __device__ __forceinline__ int BinOf(int value) const { return (value - base) >> shift; }
  __device__ __forceinline__ int LowestOf(int bin) const { return base + (bin << shift); }
};

// The finest bins for values `base` .. `top`.
__device__ __forceinline__ BinRange FinestBins(int base, int top) {
  const int bits = 32 - __clz((top - base) >> 10);
  static_assert(kHistogramBins == 1 << 10, "bits above the bin number are shifted out");
  return {base, top, bits};
}

__device__ __forceinline__ uint32_t InclusiveScan(uint32_t value) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const uint32_t other = __shfl_up_sync(~0u, value, step);
    if (lane >= step) value += other;
  }
  return value;
}

// Where the wanted rank falls.
struct RankedBin {
  int bin;    // -1: fewer values were counted than wanted
  int above;  // values in better bins, or all that were counted
  int count;  // values in the bin
};

// Given, in lane l, how many values chunk kChunks - 1 - l and (by `count_of`) a bin hold, finds
// the bin of the `wanted`-th value from above. Every lane of a warp gets the result.
template <class CountOf>
__device__ __forceinline__ RankedBin FindRankedBin(uint32_t chunk_count, int wanted,
                                                   CountOf count_of) {
  const int lane = threadIdx.x & 31;
  const int up_to = static_cast<int>(InclusiveScan(chunk_count));
  const uint32_t reached = __ballot_sync(~0u, up_to >= wanted);
  if (reached == 0) return {-1, __shfl_sync(~0u, up_to, 31), 0};
  const int step = __ffs(static_cast<int>(reached)) - 1;
  const int before = step == 0 ? 0 : __shfl_sync(~0u, up_to, step - 1);
  const int first = (kChunks - 1 - step) * kChunkBins;
  const uint32_t count = count_of(first + kChunkBins - 1 - lane);
  const int bin_up_to = before + static_cast<int>(InclusiveScan(count));
  const int bin_step = __ffs(static_cast<int>(__ballot_sync(~0u, bin_up_to >= wanted))) - 1;
  const int in_bin = static_cast<int>(__shfl_sync(~0u, count, bin_step));
  return {first + kChunkBins - 1 - bin_step, __shfl_sync(~0u, bin_up_to, bin_step) - in_bin,
          in_bin};
}

// Sum of chunk `chunk`. The order of the bins differs by lane, so that lanes that sum neighbouring
// chunks read different banks.
__device__ __forceinline__ uint32_t SumChunk(const uint32_t* histogram, int chunk) {
  const uint4* bins = reinterpret_cast<const uint4*>(histogram + chunk * kChunkBins);
  uint32_t sum = 0;
#pragma unroll
  for (int i = 0; i < kChunkBins / 4; ++i) {
    const uint4 four = bins[(i + threadIdx.x) % (kChunkBins / 4)];
    sum += four.x + four.y + four.z + four.w;
  }
  return sum;
}

// The bin of the `wanted`-th value of a histogram in this block's memory.
__device__ __forceinline__ RankedBin FindRankedBin(const uint32_t* histogram, int wanted) {
  const int lane = threadIdx.x & 31;
  return FindRankedBin(SumChunk(histogram, kChunks - 1 - lane), wanted,
                       [&](int bin) { return histogram[bin]; });
}

// Narrows `range` to one bin. Returns true when it holds a single value, which is the threshold.
__device__ __forceinline__ bool NarrowTo(BinRange& range, int bin) {
  const int lowest = range.LowestOf(bin);
  const int highest = min(range.top, lowest + (1 << range.shift) - 1);
  range = FinestBins(lowest, highest);
  return lowest == highest;
}

// Take what is greater than `value`, and the `ties` most recent of the `tied` that equal it.
struct Threshold {
  int value;
  int ties;
  int tied;
  bool found;  // otherwise fewer keys were counted than wanted
};

// The rank at which a sample of `sampled` of `keys` keys is cut, so that the `wanted` best keys
// are very probably above: the expected rank and five standard deviations.
__device__ __forceinline__ int GuessRank(int wanted, int sampled, int keys) {
  const float mean =
      static_cast<float>(wanted) * static_cast<float>(sampled) / static_cast<float>(keys);
  return static_cast<int>(mean + 5.0f * sqrtf(mean) + 4.0f);
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_
