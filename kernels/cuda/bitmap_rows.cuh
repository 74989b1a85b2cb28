// Answer rows from bitmaps over a whole row's positions, for kernels that give a block a row.
#ifndef KVSIFT_KERNELS_CUDA_BITMAP_ROWS_CUH_
#define KVSIFT_KERNELS_CUDA_BITMAP_ROWS_CUH_

#include "kernels/cuda/select_marks.cuh"

namespace kvsift::cuda {

// Positions 0 .. visible - 1, then -1.
__device__ inline void WriteEverything(int32_t* row, int visible, int row_width) {
  for (int i = threadIdx.x; i < row_width; i += blockDim.x) row[i] = i < visible ? i : -1;
}

__device__ inline void ClearMarks(const Marks& marks) {
  for (int i = threadIdx.x; i < marks.words; i += blockDim.x) {
    marks.taken[i] = 0;
    marks.places[i] = 0;
  }
  __syncthreads();
}

__device__ inline void MarkForced(const Marks& marks, int visible, int sinks, int window) {
  for (int i = threadIdx.x; i < sinks + window; i += blockDim.x) {
    marks.Set(marks.taken, i < sinks ? i : visible - window + i - sinks);
  }
}

// Joins the `ties` most recent tied marks to the taken ones and gives all their places; returns
// how many there are. Every thread of the block calls it, after its marks.
__device__ inline int SettleMarks(const Marks& marks, int ties) {
  __shared__ MarkCounts counts;
  __shared__ int total;
  __syncthreads();
  if (threadIdx.x < 32) {
    const LaneMarks own = CountMarks(marks, counts);
    if (threadIdx.x == 0) {
      total = counts.better + min(ties, counts.tied);
    }
    __syncwarp();
    PlaceMarks(marks, own, counts.tied - min(ties, counts.tied), 0);
  }
  __syncthreads();
  return total;
}

// Calls visit(place, position) for every taken position.
template <class Visit>
__device__ void ForTaken(const Marks& marks, Visit visit) {
  for (int word = threadIdx.x; word < marks.words; word += blockDim.x) {
    int place = static_cast<int>(marks.places[word]);
    for (uint32_t bits = marks.taken[word]; bits != 0; bits &= bits - 1) {
      visit(place++, word * 32 + __ffs(static_cast<int>(bits)) - 1);
    }
  }
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_BITMAP_ROWS_CUH_
