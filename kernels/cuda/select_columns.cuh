// The columns of a unit in a block's shared memory: what each ranks, and what its row holds
// without ranking.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_

#include <climits>
#include <type_traits>

#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/plain_score.cuh"
#include "kernels/cuda/unit_scan.cuh"

namespace kvsift::cuda {

// What a column ranks.
struct ColumnRange {
  int begin;  // positions [begin, end) are ranked; none where the column takes every position
  int end;
  int ranked;  // how many of them are taken

  __device__ __forceinline__ bool Holds(int position) const {
    return position >= begin && position < end;
  }
};

struct UnitColumns {
  SelectColumn columns[kUnitColumns];
  ColumnRange ranges[kUnitColumns];
  BinRange bounds[kUnitColumns];  // of goodness
  int best[kUnitColumns];         // largest goodness that was noted
};

// Tiles [first, end) of a block; in [inner_first, inner_end), whole runs, every key is ranked by
// every ranking column, so nothing has to be checked there.
struct BlockTiles {
  int first;
  int end;
  int inner_first;
  int inner_end;
};

__device__ inline ColumnRange RangeOf(const SelectColumn& column) {
  const int ranked = column.k - column.sinks - column.window;
  if (column.visible <= column.k || ranked == 0) return {0, 0, 0};
  return {column.sinks, column.visible - column.window, ranked};
}

__device__ __forceinline__ SelectUnit LoadUnit(const SelectLaunch& launch, int index) {
  return launch.few ? launch.here.units[index] : launch.units[index];
}

// What block `index` of a scan has; the slices of few units are counted off.
__device__ __forceinline__ UnitSlice FindSlice(const SelectLaunch& launch, int index) {
  if (!launch.few) return launch.slices[index];
  int unit = 0;
  while (index >= launch.here.units[unit].first_slice + launch.here.units[unit].slices) ++unit;
  return {launch.here.units[unit], {unit, index - launch.here.units[unit].first_slice}};
}

// Which column block `index` of the second kernel finishes, likewise.
__device__ __forceinline__ UnitPart FindFinish(const SelectLaunch& launch, int index) {
  if (!launch.few) return launch.finishes[index];
  int unit = 0;
  for (;; ++unit) {
    const SelectUnit& here = launch.here.units[unit];
    if (here.slices == 1) continue;
    if (index < here.columns) return {unit, index};
    index -= here.columns;
  }
}

// Every thread of the block calls it.
__device__ inline void LoadColumns(const SelectLaunch& launch, const SelectUnit& unit,
                                   UnitColumns& shared) {
  static_assert(sizeof(SelectColumn) % 4 == 0, "copied by words");
  const SelectColumn* columns = (launch.few ? launch.here.columns : launch.columns);
  const uint32_t* from = reinterpret_cast<const uint32_t*>(columns + unit.first_column);
  uint32_t* to = reinterpret_cast<uint32_t*>(shared.columns);
  const int words = unit.columns * static_cast<int>(sizeof(SelectColumn) / 4);
  for (int i = threadIdx.x; i < words; i += BlockThreads()) to[i] = from[i];
  __syncthreads();
  const int i = static_cast<int>(threadIdx.x);
  if (i < kUnitColumns) {
    if (i < unit.columns && launch.code_words > 0) {
      shared.columns[i].code = launch.here.codes + (unit.first_column + i) * launch.code_words;
    }
    shared.ranges[i] = i < unit.columns ? RangeOf(shared.columns[i]) : ColumnRange{0, 0, 0};
    shared.best[i] = INT_MIN;
  }
  __syncthreads();
}

template <class Scorer>
__device__ __forceinline__ void InitScorer(const SelectLaunch& launch, const UnitColumns& shared,
                                           int columns, Scorer& scorer) {
  if constexpr (std::is_same_v<Scorer, PlainScorer>) {
    scorer.Init(launch.layout, launch.estimate, shared.columns, columns);
  } else {
    scorer.Init(launch.layout, shared.columns, columns);
  }
}

// The bins of the two columns that a lane has values of.
struct LaneBins {
  int base[2];
  int shift[2];

  __device__ __forceinline__ int BinOf(int i, int value) const {
    return (value - base[i & 1]) >> shift[i & 1];
  }
};

// Every warp calls it. Sets `bounds` as well, for those who look after the next barrier.
template <class Scorer>
__device__ __forceinline__ LaneBins FindBounds(const SelectLaunch& launch, const Scorer& scorer,
                                               UnitColumns& shared) {
  int least;
  int most;
  scorer.Bounds(launch.plan.goodness_limit, least, most);  // of column lane / 4
  const BinRange bins = FinestBins(least, most);
  if (threadIdx.x < 32 && (threadIdx.x & 3) == 0) shared.bounds[threadIdx.x >> 2] = bins;
  LaneBins own;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    own.base[i] = __shfl_sync(~0u, bins.base, LaneColumn(i) * 4);
    own.shift[i] = __shfl_sync(~0u, bins.shift, LaneColumn(i) * 4);
  }
  return own;
}

// Waits for the kernels before this one as late as what the launch brings along allows, asks for
// the first keys, and makes the scorer ready; the last wait is for keys, which may be new.
template <class Scorer>
__device__ __forceinline__ LaneBins BeginScoring(const SelectLaunch& launch, int columns,
                                                 UnitColumns& shared, TileStream<Scorer>& stream,
                                                 Scorer& scorer) {
  if (launch.code_words == 0) {
    if (launch.few) WaitForPrevious();
    stream.Start();
  }
  InitScorer(launch, shared, columns, scorer);
  const LaneBins bins = FindBounds(launch, scorer, shared);
  if (launch.code_words > 0) {
    WaitForPrevious();
    stream.Start();
  }
  return bins;
}

__device__ inline bool RanksNothing(const UnitColumns& shared) {
  int ranked = 0;
  for (const ColumnRange& range : shared.ranges) ranked |= range.ranked;
  return ranked == 0;
}

// The inner part of tiles [first, end); none where pages have no runs.
__device__ inline BlockTiles SplitTiles(const CodeLayout& layout, const UnitColumns& shared,
                                        int columns, int first, int end) {
  if (!HasRuns(layout)) return {first, end, end, end};
  int inner_first = first;
  int inner_end = end;
  for (int column = 0; column < columns; ++column) {
    const ColumnRange& range = shared.ranges[column];
    if (range.ranked == 0) continue;
    inner_first = max(inner_first, (range.begin + kTileKeys - 1) / kTileKeys);
    inner_end = min(inner_end, range.end / kTileKeys);
  }
  inner_first = min((inner_first + kRunTiles - 1) / kRunTiles * kRunTiles, end);
  return {first, end, inner_first, max(inner_end / kRunTiles * kRunTiles, inner_first)};
}

// Forced positions count for the best goodness of a list.
__device__ __forceinline__ void NoteForced(UnitColumns& shared, int column, int position,
                                           int goodness) {
  if (shared.ranges[column].ranked > 0 && position < shared.columns[column].visible) {
    atomicMax(&shared.best[column], goodness);
  }
}

// Threads first, first + step, ... write what a row holds beside its ranked positions: every
// position of a short row, forced ones, -1.
__device__ inline void WriteFixed(const SelectLaunch& launch, const SelectColumn& column, int first,
                                  int step) {
  const int ranked_end = column.k - column.window;
  for (int i = first; i < column.row_width; i += step) {
    int value = i;
    if (column.visible <= column.k) {
      if (i >= column.visible) value = -1;
    } else if (i >= column.k) {
      value = -1;
    } else if (i >= ranked_end) {
      value = column.visible - column.k + i;
    } else if (i >= column.sinks) {
      continue;
    }
    launch.positions[column.out + i] = value;
  }
  if (first == 0) launch.counts[column.count] = min(column.visible, column.k);
}

// Writes the ranked position of place `place` of a column.
__device__ __forceinline__ void WriteRanked(const SelectLaunch& launch, const SelectColumn& column,
                                            int place, int position, int goodness) {
  if (launch.list_goodness == nullptr) {
    launch.positions[column.out + column.sinks + place] = position;
    return;
  }
  launch.positions[column.out + place] = position;
  launch.list_goodness[column.out + place] = goodness;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_
