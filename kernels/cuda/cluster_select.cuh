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
#include "kernels/cuda/rank_column.cuh"
#include "kernels/cuda/scorer.cuh"

namespace kvsift::cuda {

inline constexpr int kMostBlocks = 16;       // of a cluster
inline constexpr int kUnranked = INT16_MIN;  // below any goodness

// The search of one column; every block of the cluster comes to the same values but `first` and
// `drop`, which are its own.
struct ClusterSearch {
  BinRange bins;
  int wanted;    // rank sought among the values in `bins`
  bool settled;  // `bins.base` is the threshold
  int first;     // place of this block's first taken key
  int drop;      // how many of this block's ties are not taken, the oldest
};

struct ClusterShared {
  UnitColumns unit;
  ClusterSearch searches[kUnitColumns];
  uint32_t chunk_sums[kUnitColumns][kChunks];
  MarkCounts counts[kUnitColumns];
};

// One counter of every block of the cluster, summed.
struct ClusterCount {
  int all = 0;
  int before = 0;  // in blocks of lower rank: older positions
  int own = 0;
};

// Another block's memory is far away, so all loads are in flight together, and every block begins
// with its own counter, so that not all of them look into the same block.
// REQUIRES: `blocks` is a power of two.
__device__ __forceinline__ ClusterCount CountInCluster(const uint32_t* counter, int rank,
                                                       int blocks) {
  int counts[kMostBlocks];
#pragma unroll
  for (int i = 0; i < kMostBlocks; ++i) {
    counts[i] =
        i < blocks ? static_cast<int>(LoadFromBlock(counter, (rank + i) & (blocks - 1))) : 0;
  }
  ClusterCount sum;
  sum.own = counts[0];
#pragma unroll
  for (int i = 0; i < kMostBlocks; ++i) {
    sum.all += counts[i];
    if (rank + i >= blocks) sum.before += counts[i];  // around the end: ranks below
  }
  return sum;
}

// One warp settles a round of column `column`, whose counts all blocks have made.
__device__ inline void SettleColumn(ClusterShared& shared, uint32_t* histogram, int column,
                                    int rank, int blocks) {
  const int lane = static_cast<int>(threadIdx.x & 31);
  ClusterSearch search = shared.searches[column];
  const int chunk = kChunks - 1 - lane;
  const ClusterCount in_chunk = CountInCluster(&shared.chunk_sums[column][chunk], rank, blocks);
  ClusterCount in_bin;
  int own_bin = 0;
  const RankedBin found =
      FindRankedBin(static_cast<uint32_t>(in_chunk.all), search.wanted, [&](int bin) {
        own_bin = bin;
        in_bin = CountInCluster(&histogram[bin], rank, blocks);
        return static_cast<uint32_t>(in_bin.all);
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
    const int tied_after = __shfl_sync(~0u, in_bin.all - in_bin.before - in_bin.own, holder);
    const int keep_after = min(tied_after, search.wanted);
    const int keep_own = min(tied_own, search.wanted - keep_after);
    search.first += search.wanted - keep_after - keep_own;
    search.drop = tied_own - keep_own;
  }
  if (lane == 0) shared.searches[column] = search;
}

// A key's goodness as it is kept: what lane l of a warp computed of tile t is in slot 32 t + l,
// values 0 and 1 (key g, columns 2 t and 2 t + 1) in x, 2 and 3 (key g + 8) in y, 16 bits each.
using GoodnessSlot = uint2;

__device__ __forceinline__ GoodnessSlot PackGoodness(const int (&goodness)[4]) {
  return {__byte_perm(goodness[0], goodness[1], 0x5410),
          __byte_perm(goodness[2], goodness[3], 0x5410)};
}

__device__ __forceinline__ void UnpackGoodness(const GoodnessSlot& slot, int (&goodness)[4]) {
  goodness[0] = static_cast<int16_t>(slot.x);
  goodness[1] = static_cast<int>(slot.x) >> 16;
  goodness[2] = static_cast<int16_t>(slot.y);
  goodness[3] = static_cast<int>(slot.y) >> 16;
}

template <class Scorer>
class ClusterRank {
 public:
  // `memory`: histograms, then slots, then bitmaps.
  __device__ ClusterRank(const SelectLaunch& launch, const SelectUnit& unit, ClusterShared& shared,
                         const BlockTiles& block, uint32_t* memory, int rank)
      : launch_(launch),
        unit_(unit),
        shared_(shared),
        block_(block),
        histograms_(memory),
        slots_(reinterpret_cast<GoodnessSlot*>(memory + unit.columns * kHistogramBins)),
        bitmaps_(reinterpret_cast<uint32_t*>(slots_ + launch.plan.block_keys / kTileKeys * 32)),
        rank_(rank) {}

  __device__ void Clear() {
    for (int i = threadIdx.x; i < unit_.columns * kHistogramBins; i += BlockThreads()) {
      histograms_[i] = 0;
    }
    for (int i = threadIdx.x; i < unit_.columns * 2 * MostWords(); i += BlockThreads()) {
      bitmaps_[i] = 0;
    }
  }

  // The first warp does, which has stored the bounds.
  __device__ void BeginSearches() {
    if (threadIdx.x >= 32) return;
    __syncwarp();
    const int column = static_cast<int>(threadIdx.x);
    if (column >= kUnitColumns) return;
    shared_.searches[column] = {shared_.unit.bounds[column], shared_.unit.ranges[column].ranked,
                                false, 0, 0};
  }

  __device__ void Score(const UnitTiles& tiles, const Scorer& scorer, const LaneBins& bins,
                        TileStream<Scorer>& stream) {
    const int columns = unit_.columns;
    stream.Run(scorer, [&](int tile, const int(&goodness)[4]) {
      Keep(tile, goodness);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (LaneColumn(i) < columns) CountValue(LaneColumn(i), bins.BinOf(i, goodness[i]));
      }
    });
    const auto checked = [&](int tile, const int(&goodness)[4]) {
      int kept[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = LaneColumn(i);
        kept[i] = kUnranked;
        if (column >= columns) continue;
        if (shared_.unit.ranges[column].Holds(LanePosition(tile, i))) {
          kept[i] = goodness[i];
          CountValue(column, bins.BinOf(i, goodness[i]));
        } else {
          NoteForced(shared_.unit, column, LanePosition(tile, i), goodness[i]);
        }
      }
      Keep(tile, kept);
    };
    ForTiles(tiles, scorer, block_.first, block_.inner_first, checked);
    ForTiles(tiles, scorer, block_.inner_end, block_.end, checked);
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
    const int threshold[2] = {ThresholdOf(LaneColumn(0)), ThresholdOf(LaneColumn(1))};
    const uint32_t below = __byte_perm(threshold[0] - 1, threshold[1] - 1, 0x5410);
    ForKept([&](int tile, const GoodnessSlot& slot) {
      // Few keys are taken: both keys of both columns are compared at once.
      if (__vmaxs2(__vmaxs2(slot.x, slot.y), below) == below) return;
      int goodness[4];
      UnpackGoodness(slot, goodness);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (goodness[i] < threshold[i & 1]) continue;
        const Marks marks = MarksOf(LaneColumn(i));
        marks.Set(goodness[i] > threshold[i & 1] ? marks.taken : marks.places,
                  LanePosition(tile, i) - block_.first * kTileKeys);
      }
    });
    __syncthreads();
    const int column = static_cast<int>(threadIdx.x >> 5);
    if (column >= unit_.columns || shared_.unit.ranges[column].ranked == 0) return;
    const ClusterSearch& search = shared_.searches[column];
    const Marks marks = MarksOf(column);
    const LaneMarks own = CountMarks(marks, shared_.counts[column]);
    PlaceMarks(marks, own, search.drop, search.first);
    __syncwarp();
    WriteMarked(column, marks);
  }

 private:
  __device__ int MostWords() const { return launch_.plan.block_keys / 32; }
  __device__ uint32_t* HistogramOf(int column) const {
    return histograms_ + column * kHistogramBins;
  }
  __device__ Marks MarksOf(int column) const {
    uint32_t* taken = bitmaps_ + column * 2 * MostWords();
    return {taken, taken + MostWords(), MostWords()};
  }
  __device__ bool Searches(int column) const {
    return shared_.unit.ranges[column].ranked > 0 && !shared_.searches[column].settled;
  }
  // Above any goodness for a column that ranks nothing.
  __device__ int ThresholdOf(int column) const {
    return column < unit_.columns && shared_.unit.ranges[column].ranked > 0
               ? shared_.searches[column].bins.base
               : INT16_MAX;
  }

  __device__ __forceinline__ void Keep(int tile, const int (&goodness)[4]) {
    slots_[(tile - block_.first) * 32 + static_cast<int>(threadIdx.x & 31)] =
        PackGoodness(goodness);
  }
  __device__ __forceinline__ void CountValue(int column, int bin) {
    atomicAdd(&histograms_[column * kHistogramBins + bin], 1u);
  }

  // Calls visit(tile, slot) for everything that was kept.
  template <class Visit>
  __device__ __forceinline__ void ForKept(Visit visit) const {
    constexpr int kTogether = 4;
    const int lane = static_cast<int>(threadIdx.x & 31);
    for (int first = block_.first + static_cast<int>(threadIdx.x >> 5); first < block_.end;
         first += BlockWarps() * kTogether) {
      GoodnessSlot loaded[kTogether];
#pragma unroll
      for (int i = 0; i < kTogether; ++i) {
        const int tile = first + i * BlockWarps();
        if (tile < block_.end) loaded[i] = slots_[(tile - block_.first) * 32 + lane];
      }
#pragma unroll
      for (int i = 0; i < kTogether; ++i) {
        const int tile = first + i * BlockWarps();
        if (tile >= block_.end) break;
        visit(tile, loaded[i]);
      }
    }
  }

  // The goodness of key `key` of this block.
  __device__ int GoodnessOf(int column, int key) const {
    const int lane = (key & 7) * 4 + column / 2;
    const int value = (key & 8) / 4 + (column & 1);
    return reinterpret_cast<const int16_t*>(slots_)[((key / kTileKeys) * 32 + lane) * 4 + value];
  }

  // Counts the values inside the bins that a search has narrowed to.
  __device__ void CountAgain() {
    for (int i = threadIdx.x; i < unit_.columns * kHistogramBins; i += BlockThreads()) {
      histograms_[i] = 0;
    }
    __syncthreads();
    ForKept([&](int, const GoodnessSlot& slot) {
      int goodness[4];
      UnpackGoodness(slot, goodness);
      for (int i = 0; i < 4; ++i) {
        const int column = LaneColumn(i);
        if (column >= unit_.columns || !Searches(column)) continue;
        const BinRange& bins = shared_.searches[column].bins;
        if (bins.Holds(goodness[i])) CountValue(column, bins.BinOf(goodness[i]));
      }
    });
    __syncthreads();
  }

  // One warp writes the positions that are marked and placed.
  __device__ void WriteMarked(int column, const Marks& marks) {
    const SelectColumn& to = shared_.unit.columns[column];
    int best = shared_.unit.best[column];
    for (int word = static_cast<int>(threadIdx.x & 31); word < marks.words; word += 32) {
      int place = static_cast<int>(marks.places[word]);
      for (uint32_t taken = marks.taken[word]; taken != 0; taken &= taken - 1) {
        const int key = word * 32 + __ffs(static_cast<int>(taken)) - 1;
        const int goodness = launch_.list_goodness == nullptr ? 0 : GoodnessOf(column, key);
        WriteRanked(launch_, to, place++, block_.first * kTileKeys + key, goodness);
        best = max(best, goodness);
      }
    }
    if (launch_.bests == nullptr) return;
    __syncwarp();
    best = __reduce_max_sync(~0u, best);
    if ((threadIdx.x & 31) == 0) atomicMax(&launch_.bests[to.best], best);
  }

  const SelectLaunch& launch_;
  const SelectUnit& unit_;
  ClusterShared& shared_;
  const BlockTiles block_;
  uint32_t* const histograms_;  // [columns, kHistogramBins]
  GoodnessSlot* const slots_;   // [tiles, 32]
  uint32_t* const bitmaps_;     // [columns, 2, MostWords()]
  const int rank_;
};

template <class Scorer, int kBlocksPerProcessor>
__global__ void __launch_bounds__(kMostClusterThreads, kBlocksPerProcessor)
    RankInCluster(const __grid_constant__ SelectLaunch launch) {
  extern __shared__ __align__(16) uint32_t memory[];
  __shared__ ClusterShared shared;
  const int blocks = launch.plan.blocks;
  const int rank = static_cast<int>(blockIdx.x) % blocks;
  AllowDependents();
  if (!launch.few) WaitForPrevious();
  const SelectUnit unit = LoadUnit(launch, static_cast<int>(blockIdx.x) / blocks);
  const UnitTiles tiles{launch, unit.table, unit.head_offset};
  LoadColumns(launch, unit, shared.unit);
  const int share = PartTiles(unit.end_tile - unit.first_tile, blocks);
  const int first = min(unit.first_tile + rank * share, unit.end_tile);
  const BlockTiles block = SplitTiles(launch.layout, shared.unit, unit.columns, first,
                                      min(first + share, unit.end_tile));
  ClusterRank<Scorer> cluster(launch, unit, shared, block, memory, rank);
  cluster.Clear();
  TileStream<Scorer> stream(tiles, block.inner_first, block.inner_end);
  Scorer scorer;
  const LaneBins bins = BeginScoring(launch, unit.columns, shared.unit, stream, scorer);
  cluster.BeginSearches();
  __syncthreads();
  const bool nothing = RanksNothing(shared.unit);  // the same in every block of the cluster
  if (!nothing) {
    cluster.Score(tiles, scorer, bins, stream);
    cluster.Search();
    ClusterArrive();
    cluster.Write();
  }
  if (launch.list_goodness == nullptr) {
    for (int i = 0; i < unit.columns; ++i) {
      WriteFixed(launch, shared.unit.columns[i], rank * BlockThreads() + threadIdx.x,
                 BlockThreads() * blocks);
    }
  }
  if (!nothing) ClusterWait();  // nobody leaves while others may read its counts
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CLUSTER_SELECT_CUH_
