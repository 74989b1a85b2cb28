// Thread-block clusters, which share their blocks' shared memory. Before compute capability 9.0
// every cluster has one block and these do nothing.
#ifndef KVSIFT_KERNELS_CUDA_CLUSTER_CUH_
#define KVSIFT_KERNELS_CUDA_CLUSTER_CUH_

#include <cooperative_groups.h>

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

// The same variable of shared memory in block `rank` of the cluster.
template <class T>
__device__ __forceinline__ T* InBlock(T* variable, int rank) {
#if __CUDA_ARCH__ >= 900
  return cooperative_groups::this_cluster().map_shared_rank(variable, rank);
#else
  return variable;
#endif
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CLUSTER_CUH_
