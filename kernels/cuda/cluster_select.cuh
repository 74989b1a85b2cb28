// The cluster path: rows short enough that a cluster of blocks holds every goodness of its unit in
// shared memory. Nothing is guessed and nothing is read twice.
//
//  1. Every block scores its tiles, keeps the goodness of each key as 16 bits and counts it in a
//     histogram per column.
//  2. Blocks read each other's histograms: one exchange gives every block the exact threshold, how
//     many ties it takes, and where its part of the list begins.
//  3. Every block writes its part of the list, ascending.
#ifndef KVSIFT_KERNELS_CUDA_CLUSTER_SELECT_CUH_
#define KVSIFT_KERNELS_CUDA_CLUSTER_SELECT_CUH_

#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/rank_column.cuh"
#include "kernels/cuda/scorer.cuh"

namespace kvsift::cuda {

inline constexpr int kMostBlocks = 16;         // of a cluster
inline constexpr int16_t kUnranked = INT16_MIN;  // below any goodness

// The search of one column; every block of the cluster comes to the same values but `first` and
// `drop`, which are its own.
struct ClusterSearch {
  BinRange bins;
  int wanted;     // rank sought among the values in `bins`
  bool settled;   // `bins.base` is the threshold
  int first;      // place of this block's first taken key
  int drop;       // how many of this block's ties are not taken, the oldest
};

struct ClusterShared {
  UnitColumns unit;
  ClusterSearch searches[kUnitColumns];
  uint32_t chunk_sums[kUnitColumns][kChunks];
  MarkCounts counts[kSelectWarps];
};

// One counter of every block of the cluster, summed. Another block's memory is far away, so all
// loads are in flight together.
struct ClusterCount {
  int before = 0;  // in blocks of lower rank: older positions
  int own = 0;
  int after = 0;

  __device__ int all() const { return before + own + after; }
};

// Blocks and warps begin with different blocks, so that not all of them look into the same one.
// REQUIRES: `blocks` is a power of two.
__device__ __forceinline__ ClusterCount CountInCluster(uint32_t* counter, int rank, int blocks) {
  const int first = rank + static_cast<int>(threadIdx.x >> 5);
  uint32_t counts[kMostBlocks];
#pragma unroll
  for (int i = 0; i < kMostBlocks; ++i) {
    counts[i] = i < blocks ? *InBlock(counter, (first + i) & (blocks - 1)) : 0;
  }
  ClusterCount sum;
#pragma unroll
  for (int i = 0; i < kMostBlocks; ++i) {
    const int block = (first + i) & (blocks - 1);
    const int count = static_cast<int>(counts[i]);
    sum.before += block < rank ? count : 0;
    sum.own += i < blocks && block == rank ? count : 0;
    sum.after += block > rank ? count : 0;
  }
  return sum;
}

// One warp settles a round of column `column`, whose counts all blocks have made.
__device__ inline void SettleColumn(ClusterShared& shared, uint32_t* histogram, int column,
                                    int rank, int blocks) {
  const int lane = static_cast<int>(threadIdx.x & 31);
  ClusterSearch search = shared.searches[column];
  const int chunk = kChunks - 1 - lane;
  const ClusterCount in_chunk =
      CountInCluster(&shared.chunk_sums[column][chunk], rank, blocks);
  ClusterCount in_bin;
  int own_bin = 0;
  const RankedBin found =
      FindRankedBin(static_cast<uint32_t>(in_chunk.all()), search.wanted, [&](int bin) {
        own_bin = bin;
        in_bin = CountInCluster(&histogram[bin], rank, blocks);
        return static_cast<uint32_t>(in_bin.all());
      });
  // Blocks before this one: what they hold above the bin comes first in the list.
  int better_before = chunk > found.bin / kChunkBins ? in_chunk.before : 0;
  if (own_bin > found.bin) better_before += in_bin.before;
  search.first += __reduce_add_sync(~0u, better_before);
  search.wanted -= found.above;
  search.settled = NarrowTo(search.bins, found.bin);
  if (search.settled) {
    const int holder = kChunkBins - 1 - found.bin % kChunkBins;
    const int tied_own = __shfl_sync(~0u, in_bin.own, holder);
    const int keep_after = min(__shfl_sync(~0u, in_bin.after, holder), search.wanted);
    const int keep_own = min(tied_own, search.wanted - keep_after);
    search.first += search.wanted - keep_after - keep_own;
    search.drop = tied_own - keep_own;
  }
  if (lane == 0) shared.searches[column] = search;
}

template <class Scorer>
class ClusterRank {
 public:
  // `memory`: the ring, then histograms, then goodness.
  __device__ ClusterRank(const SelectLaunch& launch, const SelectUnit& unit, ClusterShared& shared,
                         uint32_t* memory, int rank)
      : launch_(launch),
        unit_(unit),
        shared_(shared),
        histograms_(memory + TileRing<Scorer>::kBytes / 4),
        goodness_(reinterpret_cast<int16_t*>(histograms_ + unit.columns * kHistogramBins)),
        rank_(rank) {}

  __device__ void Score(const UnitTiles& tiles, const Scorer& scorer, const BlockTiles& block,
                        TileRing<Scorer>& ring) {
    block_ = block;
    ring.Run(scorer, [&](int tile, const int(&goodness)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (LaneColumn(i) < unit_.columns) Enter(LaneColumn(i), LanePosition(tile, i), goodness[i]);
      }
    });
    const auto checked = [&](int tile, const int(&goodness)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = LaneColumn(i);
        const int position = LanePosition(tile, i);
        if (column >= unit_.columns) continue;
        if (shared_.unit.ranges[column].Holds(position)) {
          Enter(column, position, goodness[i]);
        } else {
          GoodnessOf(column)[position - block_.first * kTileKeys] = kUnranked;
          NoteForced(shared_.unit, column, position, goodness[i]);
        }
      }
    };
    ForTiles(tiles, scorer, block.first, block.inner_first, checked);
    ForTiles(tiles, scorer, block.inner_end, block.end, checked);
    PadGoodness();
    __syncthreads();
  }

  __device__ void Search() {
    for (;;) {
      const int item = static_cast<int>(threadIdx.x);
      if (item < unit_.columns * kChunks) {
        shared_.chunk_sums[item / kChunks][item % kChunks] =
            SumChunk(HistogramOf(item / kChunks), item % kChunks);
      }
      ClusterSync();
      const int column = static_cast<int>(threadIdx.x >> 5);
      if (column < unit_.columns && Searches(column)) {
        SettleColumn(shared_, HistogramOf(column), column, rank_, launch_.plan.blocks);
      }
      __syncthreads();
      bool again = false;
      for (int i = 0; i < unit_.columns; ++i) again |= Searches(i);
      if (!again) return;
      ClusterSync();  // nobody clears what others still read
      CountAgain();
    }
  }

  // Writes this block's part of every list.
  __device__ void Write() {
    const ThreadGroup group = GroupFor(unit_.columns);
    const int column = group.barrier - 1;
    if (column >= unit_.columns || shared_.unit.ranges[column].ranked == 0) return;
    const ClusterSearch& search = shared_.searches[column];
    const int share = (Words() + group.warps - 1) / group.warps;
    const int begin = min(group.warp * share, Words());
    const int end = min(begin + share, Words());
    MarkCounts& own = shared_.counts[column * group.warps + group.warp];
    const MarkCounts counted = CountWords(column, begin, end, search.bins.base);
    if ((threadIdx.x & 31) == 0) own = counted;
    group.Sync();
    MarkCounts before{0, 0};
    for (int warp = 0; warp < group.warp; ++warp) {
      before.better += shared_.counts[column * group.warps + warp].better;
      before.tied += shared_.counts[column * group.warps + warp].tied;
    }
    WriteWords(column, begin, end, max(0, search.drop - before.tied),
               search.first + before.better + max(0, before.tied - search.drop));
  }

 private:
  __device__ int Stride() const { return launch_.plan.block_keys + 4; }  // spreads columns over banks
  __device__ int Words() const { return ((block_.end - block_.first) * kTileKeys + 31) / 32; }
  __device__ int16_t* GoodnessOf(int column) const { return goodness_ + column * Stride(); }
  __device__ uint32_t* HistogramOf(int column) const {
    return histograms_ + column * kHistogramBins;
  }
  __device__ bool Searches(int column) const {
    return shared_.unit.ranges[column].ranked > 0 && !shared_.searches[column].settled;
  }

  __device__ __forceinline__ void Enter(int column, int position, int goodness) {
    GoodnessOf(column)[position - block_.first * kTileKeys] = static_cast<int16_t>(goodness);
    atomicAdd(&HistogramOf(column)[shared_.unit.bounds[column].BinOf(goodness)], 1u);
  }

  // The second half of the last word, where the block has an odd number of tiles.
  __device__ void PadGoodness() {
    const int keys = (block_.end - block_.first) * kTileKeys;
    const int pad = Words() * 32 - keys;
    for (int i = threadIdx.x; i < unit_.columns * pad; i += kSelectThreads) {
      GoodnessOf(i / pad)[keys + i % pad] = kUnranked;
    }
  }

  // Counts the values inside the bins that a search has narrowed to.
  __device__ void CountAgain() {
    for (int i = threadIdx.x; i < unit_.columns * kHistogramBins; i += kSelectThreads) {
      histograms_[i] = 0;
    }
    __syncthreads();
    const int keys = Words() * 32;
    for (int column = 0; column < unit_.columns; ++column) {
      if (!Searches(column)) continue;
      const BinRange& bins = shared_.searches[column].bins;
      for (int i = threadIdx.x; i < keys; i += kSelectThreads) {
        const int goodness = GoodnessOf(column)[i];
        if (bins.Holds(goodness)) atomicAdd(&HistogramOf(column)[bins.BinOf(goodness)], 1u);
      }
    }
    __syncthreads();
  }

  // Marks of the 32 keys of a word. The order differs by lane, so that lanes read different banks.
  __device__ __forceinline__ void MarkWord(int column, int word, int threshold, uint32_t& better,
                                           uint32_t& tied) const {
    const uint32_t* pairs = reinterpret_cast<const uint32_t*>(GoodnessOf(column)) + word * 16;
    better = 0;
    tied = 0;
#pragma unroll 8
    for (int i = 0; i < 16; ++i) {
      const int pair = (i + static_cast<int>(threadIdx.x)) & 15;
      const int two = static_cast<int>(pairs[pair]);
      const int low = static_cast<int16_t>(two);
      const int high = two >> 16;
      better |= ((low > threshold ? 1u : 0u) | (high > threshold ? 2u : 0u)) << (2 * pair);
      tied |= ((low == threshold ? 1u : 0u) | (high == threshold ? 2u : 0u)) << (2 * pair);
    }
  }

  // Marks of a warp's words [begin, end).
  __device__ MarkCounts CountWords(int column, int begin, int end, int threshold) const {
    int better = 0;
    int tied = 0;
    for (int word = begin + static_cast<int>(threadIdx.x & 31); word < end; word += 32) {
      uint32_t better_keys;
      uint32_t tied_keys;
      MarkWord(column, word, threshold, better_keys, tied_keys);
      better += __popc(better_keys);
      tied += __popc(tied_keys);
    }
    __syncwarp();
    return {__reduce_add_sync(~0u, better), __reduce_add_sync(~0u, tied)};
  }

  // Writes the taken keys of a warp's words [begin, end), from place `place` on, without the
  // `drop` oldest ties.
  __device__ void WriteWords(int column, int begin, int end, int drop, int place) {
    const SelectColumn& to = shared_.unit.columns[column];
    const int threshold = shared_.searches[column].bins.base;
    const int first_position = block_.first * kTileKeys;
    int best = INT_MIN;
    for (int first = begin; first < end; first += 32) {
      const int word = first + static_cast<int>(threadIdx.x & 31);
      uint32_t taken = 0;
      uint32_t tied = 0;
      if (word < end) MarkWord(column, word, threshold, taken, tied);
      __syncwarp();
      const int ties = __popc(tied);
      const int ties_up_to = static_cast<int>(InclusiveScan(static_cast<uint32_t>(ties)));
      taken |= DropLowest(tied, max(0, min(ties, drop - (ties_up_to - ties))));
      const int count = __popc(taken);
      const int up_to = static_cast<int>(InclusiveScan(static_cast<uint32_t>(count)));
      int own_place = place + up_to - count;
      for (; taken != 0; taken &= taken - 1) {
        const int key = word * 32 + __ffs(static_cast<int>(taken)) - 1;
        const int goodness = GoodnessOf(column)[key];
        WriteRanked(launch_, to, own_place++, first_position + key, goodness);
        best = max(best, goodness);
      }
      __syncwarp();
      place += __shfl_sync(~0u, up_to, 31);
      drop = max(0, drop - __shfl_sync(~0u, ties_up_to, 31));
    }
    if (launch_.bests == nullptr) return;
    best = __reduce_max_sync(~0u, best);
    if ((threadIdx.x & 31) == 0) {
      atomicMax(&launch_.bests[to.best], max(best, shared_.unit.best[column]));
    }
  }

  const SelectLaunch& launch_;
  const SelectUnit& unit_;
  ClusterShared& shared_;
  uint32_t* const histograms_;  // [columns, kHistogramBins]
  int16_t* const goodness_;     // [columns, Stride()]
  const int rank_;
  BlockTiles block_{};
};

template <class Scorer, int kBlocksPerProcessor>
__global__ void __launch_bounds__(kSelectThreads, kBlocksPerProcessor)
    RankInCluster(const __grid_constant__ SelectLaunch launch) {
  extern __shared__ __align__(16) uint32_t memory[];
  __shared__ ClusterShared shared;
  const int blocks = launch.plan.blocks;
  const int rank = static_cast<int>(blockIdx.x) % blocks;
  AllowDependents();
  WaitForPrevious();
  const SelectUnit unit = LoadUnit(launch, static_cast<int>(blockIdx.x) / blocks);
  const UnitTiles tiles{launch, unit.table, unit.head_offset};
  LoadColumns(launch, unit, shared.unit);
  const int share = PartTiles(unit.end_tile - unit.first_tile, blocks);
  const int first = min(unit.first_tile + rank * share, unit.end_tile);
  const BlockTiles block = SplitTiles(launch.layout, shared.unit, unit.columns, first,
                                      min(first + share, unit.end_tile));
  TileRing<Scorer> ring(tiles, memory, block.inner_first, block.inner_end);
  ring.Start();
  uint32_t* histograms = memory + TileRing<Scorer>::kBytes / 4;
  for (int i = threadIdx.x; i < unit.columns * kHistogramBins; i += kSelectThreads) {
    histograms[i] = 0;
  }
  if (launch.list_goodness == nullptr) {
    for (int i = 0; i < unit.columns; ++i) {
      WriteFixed(launch, shared.unit.columns[i], rank * kSelectThreads + threadIdx.x,
                 kSelectThreads * blocks);
    }
  }
  if (RanksNothing(shared.unit)) return;  // the same in every block of the cluster
  Scorer scorer;
  InitScorer(launch, shared.unit, unit.columns, scorer);
  if (threadIdx.x < 32) {
    FindBounds(launch, scorer, shared.unit);
    __syncwarp();
    if (threadIdx.x < kUnitColumns) {
      shared.searches[threadIdx.x] = {shared.unit.bounds[threadIdx.x],
                                      shared.unit.ranges[threadIdx.x].ranked, false, 0, 0};
    }
  }
  __syncthreads();
  ClusterRank<Scorer> cluster(launch, unit, shared, memory, rank);
  cluster.Score(tiles, scorer, block, ring);
  cluster.Search();
  ClusterArrive();
  cluster.Write();
  ClusterWait();  // nobody leaves while others may read its counts
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CLUSTER_SELECT_CUH_
