// The parts of the ways across the bus that kernels share (crossing.h).
#ifndef KVSIFT_KERNELS_CUDA_CROSSING_CUH_
#define KVSIFT_KERNELS_CUDA_CROSSING_CUH_

#include "kernels/cuda/crossing.h"

namespace kvsift::cuda {

// One load each: all are in flight at once.
inline constexpr int kFetchThreads = 256;

inline unsigned int FetchBlocks(const Arrival& arrival) {
  const int64_t pieces = arrival.bytes / static_cast<int64_t>(sizeof(uint4));
  const int64_t most = pieces > arrival.fill.count ? pieces : arrival.fill.count;
  return static_cast<unsigned int>((most + kFetchThreads - 1) / kFetchThreads);
}

// What block `block` of FetchBlocks does, of kFetchThreads threads.
__device__ __forceinline__ void FetchAndFill(const Arrival& arrival, unsigned int block) {
  const int64_t i = static_cast<int64_t>(block) * kFetchThreads + threadIdx.x;
  if (i < arrival.bytes / static_cast<int64_t>(sizeof(uint4))) {
    reinterpret_cast<uint4*>(arrival.to)[i] = reinterpret_cast<const uint4*>(arrival.from)[i];
  }
  if (i < arrival.fill.count) arrival.fill.values[i] = arrival.fill.value;
}

// Raises `flag` when every block of the grid has come here; the host then sees what they wrote.
// Every thread of the block calls it.
__device__ __forceinline__ void RaiseAfterAll(const HostFlag& flag) {
  __threadfence_system();
  __syncthreads();
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    if (atomicAdd(flag.arrived, 1u) + 1 < gridDim.x) return;
    *flag.arrived = 0;
    __threadfence_system();  // what the other blocks wrote before the flag
  }
  *static_cast<volatile uint32_t*>(flag.value) = flag.sequence;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CROSSING_CUH_
