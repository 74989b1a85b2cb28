// The scan path: rows that are long beside the device, or many.
//
//  1. Guess. Each slice scores the same small sample of its unit; a histogram per column gives a
//     goodness that the wanted number of keys very probably exceeds.
//  2. Scan. Every tile of the slice is read once and scored on the tensor cores; keys at or above
//     the guess, a few in a hundred, go to a list of candidates in device memory.
//  3. Finish. A column is ranked among its candidates (rank_column.cuh): by the last block of its
//     unit, while other blocks scan, or, where columns are few and every unit has several slices,
//     by a second kernel that gives each a block. If there are fewer candidates than wanted, or
//     more than fit, the column is ranked among all its keys instead: always exact.
#ifndef KVSIFT_KERNELS_CUDA_SCAN_SELECT_CUH_
#define KVSIFT_KERNELS_CUDA_SCAN_SELECT_CUH_

#include "kernels/cuda/rank_column.cuh"
#include "kernels/cuda/scorer.cuh"

namespace kvsift::cuda {

struct ScanShared {
  UnitColumns unit;
  bool counts_candidates;   // the scan counts them by goodness, one value a bin
  int next[kUnitColumns];   // index of the next candidate of a column
  int guess[kUnitColumns];  // least goodness of a candidate
  MarkCounts counts[kMostWarps];
  bool last;  // of the unit's slices
};

// One slice's guess and scan.
template <class Scorer>
class SliceScan {
 public:
  // `first_candidate`: index of the slice's first candidate.
  __device__ SliceScan(const SelectLaunch& launch, const SelectUnit& unit, ScanShared& shared,
                       const UnitTiles& tiles, const Scorer& scorer, int first_candidate)
      : launch_(launch),
        unit_(unit),
        shared_(shared),
        tiles_(tiles),
        scorer_(scorer),
        first_candidate_(first_candidate) {}

  // `histograms` [columns, kHistogramBins].
  __device__ void Guess(const LaneBins& bins, uint32_t* histograms) {
    const int columns = unit_.columns;
    const BlockTiles all =
        SplitTiles(launch_.layout, shared_.unit, columns, unit_.first_tile, unit_.end_tile);
    Sample<Scorer> sample(tiles_, all.inner_first, all.inner_end, unit_.sample_stride);
    sample.Start();
    for (int i = threadIdx.x; i < columns * kHistogramBins; i += BlockThreads()) histograms[i] = 0;
    __syncthreads();
    sample.Run(scorer_, [&](const int(&goodness)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (LaneColumn(i) >= columns) continue;
        atomicAdd(&histograms[LaneColumn(i) * kHistogramBins + bins.BinOf(i, goodness[i])], 1u);
      }
    });
    __syncthreads();
    const int sampled = (all.inner_end - all.inner_first) / unit_.sample_stride * 2;
    const int column = static_cast<int>(threadIdx.x >> 5);
    if (column < columns && shared_.unit.ranges[column].ranked > 0) {
      const ColumnRange& range = shared_.unit.ranges[column];
      const RankedBin found =
          FindRankedBin(histograms + column * kHistogramBins,
                        GuessRank(range.ranked, sampled, range.end - range.begin));
      if (found.bin >= 0 && (threadIdx.x & 31) == 0) {
        shared_.guess[column] = shared_.unit.bounds[column].LowestOf(found.bin);
      }
    }
    __syncthreads();
  }

  // Decides whether candidates are counted: where this is the whole unit and the values from the
  // guess on are few. Then clears the histograms for it.
  __device__ void PrepareCounts(uint32_t* histograms) {
    bool fits = unit_.slices == 1;
    for (int i = 0; i < unit_.columns; ++i) {
      fits &= shared_.unit.bounds[i].top - shared_.guess[i] < kHistogramBins;
    }
    if (threadIdx.x == 0) shared_.counts_candidates = fits;
    for (int i = threadIdx.x; fits && i < unit_.columns * kHistogramBins; i += BlockThreads()) {
      histograms[i] = 0;
    }
    __syncthreads();
  }

  // `histograms` [columns, kHistogramBins]: counts of candidates.
  __device__ void Scan(const BlockTiles& block, TileStream<Scorer>& stream, uint32_t* histograms) {
    first_position_ = block.first * kTileKeys;
    const bool counts = shared_.counts_candidates;
    const int from[2] = {KeepFrom(LaneColumn(0)), KeepFrom(LaneColumn(1))};
    const int limit[2] = {RoomEnd(LaneColumn(0)), RoomEnd(LaneColumn(1))};
    int* const counter = &shared_.next[LaneColumn(0)];
    uint32_t* const histogram = histograms + LaneColumn(0) * kHistogramBins;
    const auto keep = [&](int i, int key, int goodness) {
      if (counts) {
        atomicAdd(&histogram[(i & 1) * kHistogramBins + goodness - from[i & 1]], 1u);
      }
      const int index = atomicAdd(counter + (i & 1), 1);
      if (index < limit[i & 1]) launch_.candidates[index] = Pack(goodness, key);
    };
    stream.Run(scorer_, [&](int tile, const int(&goodness)[4]) {
      const int key = LanePosition(tile, 0) - first_position_;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (goodness[i] >= from[i & 1]) keep(i, key + (i >> 1) * 8, goodness[i]);
      }
    });
    const auto checked = [&](int tile, const int(&goodness)[4]) {
      for (int i = 0; i < 4; ++i) {
        if (from[i & 1] == INT_MAX) continue;
        const int position = LanePosition(tile, i);
        if (!shared_.unit.ranges[LaneColumn(i)].Holds(position)) {
          NoteForced(shared_.unit, LaneColumn(i), position, goodness[i]);
        } else if (goodness[i] >= from[i & 1]) {
          keep(i, position - first_position_, goodness[i]);
        }
      }
    };
    ForTiles(tiles_, scorer_, block.first, block.inner_first, checked);
    ForTiles(tiles_, scorer_, block.inner_end, block.end, checked);
    __syncthreads();
  }

 private:
  // Least goodness that is kept; none of a column that ranks nothing.
  __device__ __forceinline__ int KeepFrom(int column) const {
    return column < unit_.columns && shared_.unit.ranges[column].ranked > 0 ? shared_.guess[column]
                                                                            : INT_MAX;
  }

  // Candidates of a column have indices up to this.
  __device__ __forceinline__ int RoomEnd(int column) const {
    return first_candidate_ + (column + 1) * launch_.plan.capacity;
  }

  // REQUIRES: 0 <= key < 2^16.
  __device__ __forceinline__ static uint32_t Pack(int goodness, int key) {
    return static_cast<uint32_t>(goodness * 65536 + key);
  }

  const SelectLaunch& launch_;
  const SelectUnit& unit_;
  ScanShared& shared_;
  const UnitTiles& tiles_;
  const Scorer& scorer_;
  const int first_candidate_;
  int first_position_ = 0;
};

// The threshold of a column whose candidates the scan has counted.
__device__ inline Threshold FindCounted(const uint32_t* histogram, int guess, int ranked) {
  const RankedBin found = FindRankedBin(histogram, ranked);
  return {guess + found.bin, ranked - found.above, found.count, found.bin >= 0};
}

// Ranks a column among the keys of a source, whose values are at least `guess`; false if they do
// not suffice. `counted` is its threshold where the scan has counted candidates, or null.
template <class Source>
__device__ __forceinline__ bool RankAmong(const SelectLaunch& launch, const Source& source,
                                          int guess, const ThreadGroup& group, UnitColumns& shared,
                                          int column, const RankMemory& memory,
                                          const Threshold* counted) {
  const Threshold threshold =
      counted != nullptr
          ? *counted
          : FindThreshold(source, group, shared.ranges[column],
                          FinestBins(guess, shared.bounds[column].top), memory.words);
  if (!threshold.found) return false;
  WriteColumn(launch, source, group, shared, column, threshold, memory);
  return true;
}

// Ranks a column among its candidates and writes its row; returns false, the ranked part missing,
// if they do not suffice. With kHold, lanes hold them in registers where they are not too many.
template <bool kHold>
__device__ inline bool FinishColumn(const SelectLaunch& launch, const SelectUnit& unit,
                                    const ThreadGroup& group, UnitColumns& shared, int column,
                                    const RankMemory& memory, const Threshold* counted) {
  const SelectColumn& to = shared.columns[column];
  if (launch.list_goodness == nullptr) WriteFixed(launch, to, group.thread, group.threads());
  if (shared.ranges[column].ranked == 0) return true;
  __syncwarp();
  const Candidates candidates(launch, unit, column, group);
  if (launch.bests != nullptr && group.warp == 0) {
    const int best = candidates.BestForced();
    if (group.thread == 0) atomicMax(&launch.bests[to.best], best);
  }
  if (!candidates.Complete()) return false;
  const int guess = candidates.Guess();
  if constexpr (kHold) {
    constexpr int kFew = 4;
    constexpr int kMost = 16;
    if (candidates.FitIn<kFew>()) {
      return RankAmong(launch, HeldCandidates<kFew>(candidates), guess, group, shared, column,
                       memory, counted);
    }
    if (candidates.FitIn<kMost>()) {
      return RankAmong(launch, HeldCandidates<kMost>(candidates), guess, group, shared, column,
                       memory, counted);
    }
  }
  return RankAmong(launch, candidates, guess, group, shared, column, memory, counted);
}

// Ranks a column among every key. Every thread of the block calls it. A function of its own,
// because it is rare: it must not take registers from what is not.
template <class Scorer>
__device__ __noinline__ void RankEveryKey(const SelectLaunch& launch, const SelectUnit& unit,
                                          UnitColumns& shared, int column,
                                          const RankMemory& memory) {
  const UnitTiles tiles{launch, unit.table, unit.head_offset};
  Scorer scorer;
  InitScorer(launch, shared, unit.columns, scorer);
  const ThreadGroup block = GroupFor(1);
  const EveryKey<Scorer> keys(tiles, scorer, shared.ranges[column], column);
  WriteColumn(
      launch, keys, block, shared, column,
      FindThreshold(keys, block, shared.ranges[column], shared.bounds[column], memory.words),
      memory);
}

// Finishes the columns of a unit whose slices are scanned. Every thread of the block calls it.
template <class Scorer>
__device__ void FinishUnit(const SelectLaunch& launch, const SelectUnit& unit, ScanShared& shared,
                           uint32_t* words, int word_count) {
  const ThreadGroup group = GroupFor(unit.columns);
  const int column = group.barrier - 1;
  const int share = word_count * group.warps / BlockWarps();
  Threshold threshold{0, 0, 0, false};
  if (shared.counts_candidates && column < unit.columns) {
    threshold = FindCounted(words + column * kHistogramBins, shared.guess[column],
                            shared.unit.ranges[column].ranked);
  }
  __syncthreads();  // bitmaps take the place of the counts
  bool failed = false;
  if (column < unit.columns) {
    const RankMemory memory{words + column * share, share, shared.counts + column * group.warps};
    failed = !FinishColumn<false>(launch, unit, group, shared.unit, column, memory,
                                  shared.counts_candidates ? &threshold : nullptr);
  }
  if (!__syncthreads_or(failed)) return;
  for (int i = 0; i < unit.columns; ++i) {
    if (!__syncthreads_or(failed && column == i)) continue;
    RankEveryKey<Scorer>(launch, unit, shared.unit, i, {words, word_count, shared.counts});
  }
}

// Whether this block is the last of its unit's slices to come here; then it sees what the others
// wrote. Every thread of the block calls it.
__device__ inline bool IsLastSlice(const SelectLaunch& launch, int unit, int slices,
                                   ScanShared& shared) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    shared.last = atomicAdd(&launch.tickets[unit], 1) == slices - 1;
    if (shared.last) launch.tickets[unit] = 0;  // for the next launch
  }
  __syncthreads();
  __threadfence();
  return shared.last;
}

template <class Scorer, int kBlocksPerProcessor>
__global__ void __launch_bounds__(kScanThreads, kBlocksPerProcessor)
    ScanSlices(const __grid_constant__ SelectLaunch launch) {
  extern __shared__ __align__(16) uint32_t memory[];
  __shared__ ScanShared shared;
  AllowDependents();
  if (!launch.few) WaitForPrevious();
  const int index = static_cast<int>(blockIdx.x);
  const int first_candidate = index * launch.plan.columns * launch.plan.capacity;
  const UnitSlice found = FindSlice(launch, index);
  const SelectUnit& unit = found.unit;
  const UnitPart& slice = found.slice;
  const UnitTiles tiles{launch, unit.table, unit.head_offset};
  if (threadIdx.x < kUnitColumns) {
    shared.next[threadIdx.x] =
        first_candidate + static_cast<int>(threadIdx.x) * launch.plan.capacity;
    shared.guess[threadIdx.x] = -launch.plan.goodness_limit;
  }
  LoadColumns(launch, unit, shared.unit);
  const int share = PartTiles(unit.end_tile - unit.first_tile, unit.slices);
  const int first = min(unit.first_tile + slice.part * share, unit.end_tile);
  const BlockTiles block = SplitTiles(launch.layout, shared.unit, unit.columns, first,
                                      min(first + share, unit.end_tile));
  TileStream<Scorer> stream(tiles, block.inner_first, block.inner_end);
  Scorer scorer;
  const LaneBins bins = BeginScoring(launch, unit.columns, shared.unit, stream, scorer);
  SliceScan<Scorer> scan(launch, unit, shared, tiles, scorer, first_candidate);
  if (unit.sample_stride > 0) scan.Guess(bins, memory);
  __syncthreads();
  scan.PrepareCounts(memory);
  scan.Scan(block, stream, memory);
  if (threadIdx.x < kUnitColumns) {
    SliceOutcome& outcome = launch.outcomes[index];
    outcome.stored[threadIdx.x] = shared.next[threadIdx.x] - first_candidate -
                                  static_cast<int>(threadIdx.x) * launch.plan.capacity;
    outcome.guess[threadIdx.x] = shared.guess[threadIdx.x];
    outcome.best[threadIdx.x] = shared.unit.best[threadIdx.x];
  }
  if (unit.slices == 1) {
    __syncthreads();  // the block sees what it wrote
  } else if (launch.tickets == nullptr || !IsLastSlice(launch, slice.unit, unit.slices, shared)) {
    return;
  }
  FinishUnit<Scorer>(launch, unit, shared, memory, launch.plan.shared_bytes / 4);
}

// One block per column of the units with several slices.
template <class Scorer>
__global__ void __launch_bounds__(kScanThreads, 1)
    FinishColumns(const __grid_constant__ SelectLaunch launch) {
  extern __shared__ __align__(16) uint32_t memory[];
  __shared__ ScanShared shared;
  AllowDependents();
  if (!launch.few) WaitForPrevious();
  const UnitPart job = FindFinish(launch, static_cast<int>(blockIdx.x));
  const SelectUnit unit = LoadUnit(launch, job.unit);
  LoadColumns(launch, unit, shared.unit);
  const UnitTiles tiles{launch, unit.table, unit.head_offset};
  TileStream<Scorer> nothing(tiles, 0, 0);
  Scorer scorer;
  BeginScoring(launch, unit.columns, shared.unit, nothing, scorer);
  __syncthreads();
  const RankMemory whole{memory, launch.plan.finish_bytes / 4, shared.counts};
  if (!FinishColumn<true>(launch, unit, GroupFor(1), shared.unit, job.part, whole, nullptr)) {
    RankEveryKey<Scorer>(launch, unit, shared.unit, job.part, whole);
  }
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SCAN_SELECT_CUH_
