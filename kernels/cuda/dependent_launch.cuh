// Programmatic dependent launch (compute capability 9.0): a kernel may begin while the one before
// it on its stream still runs, and waits for it where it first reads what that one wrote. On
// earlier devices these do nothing and kernels run one after the other.
#ifndef KVSIFT_KERNELS_CUDA_DEPENDENT_LAUNCH_CUH_
#define KVSIFT_KERNELS_CUDA_DEPENDENT_LAUNCH_CUH_

#include <cuda_runtime_api.h>

namespace kvsift::cuda {

// From here on the next kernel of the stream may begin.
__device__ __forceinline__ void AllowDependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Waits until the kernels before this one have ended and what they wrote is visible.
__device__ __forceinline__ void WaitForPrevious() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The attribute that lets a launch begin so.
inline cudaLaunchAttribute BeginsEarly() {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_DEPENDENT_LAUNCH_CUH_
