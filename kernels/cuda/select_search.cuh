// The search for a column's threshold: the goodness of the last position it takes.
//
// Blocks of a cluster count the values of their keys in histograms. When all have, each adds the
// cluster's histograms for itself, a warp per column: first sums of 32 bins, then the 32 bins in
// which the wanted rank falls; all come to the same result. A wide bin is looked into by another
// round, so the threshold is exact; a guess from a sample stops after one.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_

#include <climits>

#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/select.h"

namespace kvsift::cuda {

inline constexpr int kSelectThreads = 512;
inline constexpr int kSelectWarps = kSelectThreads / 32;
inline constexpr int kChunks = kHistogramBins / 32;
inline constexpr int kMostBlocks = 16;  // of a cluster

enum class SearchStatus : int {
  kIdle,  // ranks nothing
  kSearching,
  kFound,
  kMissing,  // fewer keys were counted than wanted, or candidates were lost
};

// One column's search; every block of the cluster holds the same values.
struct Search {
  SearchStatus status;
  int wanted;  // rank sought among the values counted in this round
  int base;    // bin b counts values base + (b << shift) ..
  int shift;
  int bins;
  int open;       // nonzero: the last bin counts everything above, too
  int threshold;  // when found: take what is greater, and
  int ties;       // this many of what is equal, the most recent
};

struct SearchSpace {
  uint32_t* histogram;              // [columns, kHistogramBins]
  Search* searches;                 // [columns]
  int* stored;                      // [columns]: candidates that a block wanted to keep
  uint32_t (*chunk_sums)[kChunks];  // [columns]
  int columns;
  int capacity;
  int rank;
  int cluster;
};

enum class SearchKind { kGuess, kCandidates, kEveryKey };

__device__ __forceinline__ void StartSearch(Search& search, int wanted, int limit, int shift) {
  search = Search{SearchStatus::kSearching, wanted, -limit, shift, kHistogramBins, 0, INT_MIN, 0};
}

// Counts `value` where the column's search asks for it.
__device__ __forceinline__ void Count(const SearchSpace& space, int column, int value) {
  const Search& search = space.searches[column];
  if (search.status != SearchStatus::kSearching) return;
  const int offset = value - search.base;
  if (offset < 0) return;
  int bin = offset >> search.shift;
  if (bin >= search.bins) {
    if (search.open == 0) return;
    bin = search.bins - 1;
  }
  atomicAdd(&space.histogram[column * kHistogramBins + bin], 1u);
}

// Sum over the cluster of a counter that each block has. Another block's memory is far away, so
// the loads of up to 16 blocks are in flight together.
__device__ __forceinline__ uint32_t ClusterSum(const SearchSpace& space, uint32_t* counter) {
  if (space.cluster == 1) return *counter;
  uint32_t counts[kMostBlocks];
#pragma unroll
  for (int rank = 0; rank < kMostBlocks; ++rank) {
    counts[rank] = rank < space.cluster ? *InBlock(counter, rank) : 0;
  }
  uint32_t sum = 0;
#pragma unroll
  for (int rank = 0; rank < kMostBlocks; ++rank) sum += counts[rank];
  return sum;
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

// Narrows the search to bin `bin`, whose better bins hold `above` values; or ends it.
__device__ __forceinline__ void Narrow(Search& search, SearchKind kind, int bin, int above) {
  search.wanted -= above;
  if (kind == SearchKind::kGuess) {
    search.threshold = search.base + (bin << search.shift);
    search.status = SearchStatus::kFound;
  } else if (search.open != 0 && bin == search.bins - 1) {
    search.base += bin << search.shift;
  } else if (search.shift > 0) {
    search.base += bin << search.shift;
    search.bins = 1 << search.shift;
    search.shift = 0;
    search.open = 0;
  } else {
    search.threshold = search.base + bin;
    search.ties = search.wanted;
    search.status = SearchStatus::kFound;
  }
}

// The rank at which a sample of `sampled` of `keys` keys is cut, so that the `wanted` best keys
// are very probably above: the expected rank and five standard deviations.
__device__ __forceinline__ int GuessRank(int wanted, uint32_t sampled, int keys) {
  const float mean =
      static_cast<float>(wanted) * static_cast<float>(sampled) / static_cast<float>(keys);
  return static_cast<int>(mean + 5.0f * sqrtf(mean) + 4.0f);
}

// One warp settles the round of a column.
__device__ inline void SettleColumn(const SearchSpace& space, SearchKind kind, int column,
                                    int ranked_keys) {
  const int lane = threadIdx.x & 31;
  Search search = space.searches[column];
  const uint32_t chunk_scan =
      InclusiveScan(ClusterSum(space, &space.chunk_sums[column][kChunks - 1 - lane]));
  const uint32_t total = __shfl_sync(~0u, chunk_scan, 31);
  if (kind == SearchKind::kGuess) search.wanted = GuessRank(search.wanted, total, ranked_keys);
  bool lost = false;
  if (kind == SearchKind::kCandidates && lane < space.cluster) {
    lost = *InBlock(&space.stored[column], lane) > space.capacity;
  }
  lost = __any_sync(~0u, lost);
  if (lost || total < static_cast<uint32_t>(search.wanted)) {
    search.status = SearchStatus::kMissing;
  } else {
    const uint32_t wanted = static_cast<uint32_t>(search.wanted);
    const int step = __ffs(__ballot_sync(~0u, chunk_scan >= wanted)) - 1;
    const int chunk = kChunks - 1 - step;
    const uint32_t before = step == 0 ? 0 : __shfl_sync(~0u, chunk_scan, step - 1);
    uint32_t* bin = &space.histogram[column * kHistogramBins + chunk * 32 + 31 - lane];
    const uint32_t bin_scan = before + InclusiveScan(ClusterSum(space, bin));
    const int bin_step = __ffs(__ballot_sync(~0u, bin_scan >= wanted)) - 1;
    const uint32_t above = bin_step == 0 ? before : __shfl_sync(~0u, bin_scan, bin_step - 1);
    Narrow(search, kind, chunk * 32 + 31 - bin_step, static_cast<int>(above));
  }
  if (lane == 0) space.searches[column] = search;
}

// Sums the chunks of this block's histograms, after its counts.
__device__ __forceinline__ void SumChunks(const SearchSpace& space) {
  const int warp = threadIdx.x >> 5;
  const int lane = threadIdx.x & 31;
  __syncthreads();
  constexpr int kPerColumn = kChunks / kSelectWarps;
#pragma unroll 4
  for (int i = 0; i < space.columns * kPerColumn; ++i) {
    const int item = i * kSelectWarps + warp;
    const uint32_t sum = __reduce_add_sync(~0u, space.histogram[item * 32 + lane]);
    if (lane == 0) space.chunk_sums[item / kChunks][item % kChunks] = sum;
  }
}

// Ends a round. Every thread of the cluster calls it, after its counts. `keys_of(column)` is how
// many keys the column ranks.
template <class KeysOf>
__device__ void SettleRound(const SearchSpace& space, SearchKind kind, KeysOf keys_of) {
  SumChunks(space);
  ClusterSync();
  const int column = threadIdx.x >> 5;
  if (column < space.columns && space.searches[column].status == SearchStatus::kSearching) {
    SettleColumn(space, kind, column, keys_of(column));
  }
  ClusterSync();  // nobody clears what others still read
}

__device__ __forceinline__ void ClearHistograms(const SearchSpace& space) {
  for (int i = threadIdx.x; i < space.columns * kHistogramBins; i += kSelectThreads) {
    space.histogram[i] = 0;
  }
  __syncthreads();
}

__device__ __forceinline__ bool AnySearch(const SearchSpace& space, SearchStatus status) {
  bool any = false;
  for (int column = 0; column < space.columns; ++column) {
    any |= space.searches[column].status == status;
  }
  return any;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_SEARCH_CUH_
