// Thread-block clusters, which share their blocks' shared memory. Before compute capability 9.0
// every cluster has one block and these do nothing.
#ifndef KVSIFT_KERNELS_CUDA_CLUSTER_CUH_
#define KVSIFT_KERNELS_CUDA_CLUSTER_CUH_

#include <cooperative_groups.h>

#include <cstdint>

namespace kvsift::cuda {

// Waits for every thread of the cluster; what they wrote to shared memory is visible then.
__device__ __forceinline__ void ClusterSync() {
#if __CUDA_ARCH__ >= 900
  cooperative_groups::this_cluster().sync();
#else
  __syncthreads();
#endif
}

// Two halves of a barrier that orders no memory accesses: for a block that has read others'
// memory and goes on with what no other block looks at.
__device__ __forceinline__ void ClusterArrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void ClusterWait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
#endif
}

// What block `rank` of the cluster holds where this block holds `*variable`, in shared memory.
__device__ __forceinline__ uint32_t LoadFromBlock(const uint32_t* variable, int rank) {
#if __CUDA_ARCH__ >= 900
  uint32_t value;
  const uint32_t own = static_cast<uint32_t>(__cvta_generic_to_shared(variable));
  asm volatile(
      "{\n\t"
      ".reg .u32 there;\n\t"
      "mapa.shared::cluster.u32 there, %1, %2;\n\t"
      "ld.shared::cluster.u32 %0, [there];\n\t"
      "}"
      : "=r"(value)
      : "r"(own), "r"(rank)
      : "memory");
  return value;
#else
  return *variable;
#endif
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CLUSTER_CUH_
