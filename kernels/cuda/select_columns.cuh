// The columns of a unit in a block's shared memory: what each ranks, and what its row holds
// without ranking.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_

#include <climits>

#include "kernels/cuda/select_marks.cuh"
#include "kernels/cuda/unit_scan.cuh"

namespace kvsift::cuda {

// What a column ranks.
struct ColumnRange {
  int begin;  // positions [begin, end) are ranked; none where the column takes every position
  int end;
  int ranked;      // how many of them are taken
  int guess;       // candidates are at least this good
  bool every_key;  // ranked without candidates
};

struct SelectShared {
  SelectColumn columns[kUnitColumns];
  ColumnRange ranges[kUnitColumns];
  Search searches[kUnitColumns];
  MarkCounts counts[kUnitColumns];
  int stored[kUnitColumns];
  int best[kUnitColumns];
  uint32_t chunk_sums[kUnitColumns][kChunks];
};

// What a row holds beside its ranked positions: every position of a short row, forced ones, -1.
__device__ inline void WriteFixed(const SelectLaunch& launch, const SelectColumn& column,
                                  int rank) {
  const int ranked_end = column.k - column.window;
  const int step = kSelectThreads * launch.plan.cluster;
  for (int i = rank * kSelectThreads + threadIdx.x; i < column.row_width; i += step) {
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
  if (rank == 0 && threadIdx.x == 0) {
    launch.counts[column.count] = min(column.visible, column.k);
  }
}

__device__ inline ColumnRange RangeOf(const SelectColumn& column) {
  const int ranked = column.k - column.sinks - column.window;
  if (column.visible <= column.k || ranked == 0) return {0, 0, 0, INT_MIN, false};
  return {column.sinks, column.visible - column.window, ranked, INT_MIN, false};
}

__device__ inline void LoadColumns(const SelectLaunch& launch, const SelectUnit& unit,
                                   SelectShared& shared) {
  const int i = threadIdx.x;
  if (i < kUnitColumns) {
    shared.ranges[i] = ColumnRange{0, 0, 0, INT_MIN, false};
    shared.searches[i] = Search{};
    shared.stored[i] = 0;
    shared.best[i] = INT_MIN;
    if (i < unit.columns) {
      shared.columns[i] = launch.columns[unit.first_column + i];
      shared.ranges[i] = RangeOf(shared.columns[i]);
    }
  }
  __syncthreads();
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_COLUMNS_CUH_
