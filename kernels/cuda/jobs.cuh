// Finds the job that an item of a launch belongs to.
#ifndef KVSIFT_KERNELS_CUDA_JOBS_CUH_
#define KVSIFT_KERNELS_CUDA_JOBS_CUH_

#include <cstdint>

namespace kvsift::cuda {

// Index of the last job whose first_item is not beyond `item`.
template <class Job>
__device__ __forceinline__ int FindJob(const Job* jobs, int count, int64_t item) {
  int low = 0;
  int high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (jobs[middle].first_item <= item) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// The warp's number in its grid.
__device__ __forceinline__ int64_t GridWarp() {
  return (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}

inline unsigned int BlocksFor(int64_t items, int per_block) {
  return static_cast<unsigned int>((items + per_block - 1) / per_block);
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_JOBS_CUH_
