// Copies from global to shared memory that run while the thread goes on (compute capability 8.0),
// and accesses by shared-memory address, which need no conversion in a loop.
#ifndef KVSIFT_KERNELS_CUDA_ASYNC_COPY_CUH_
#define KVSIFT_KERNELS_CUDA_ASYNC_COPY_CUH_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace kvsift::cuda {

// An address in the shared memory of this block.
using SharedAddress = uint32_t;

__device__ __forceinline__ SharedAddress SharedAddressOf(const void* pointer) {
  return static_cast<SharedAddress>(__cvta_generic_to_shared(pointer));
}

// Starts to copy kBytes (8 or 16), which are aligned to that.
template <int kBytes>
__device__ __forceinline__ void CopyAsync(SharedAddress to, const uint8_t* from) {
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(to), "l"(from) : "memory");
  }
}

// Makes one group of the copies that the thread started since the last call.
__device__ __forceinline__ void CommitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits for all groups of the thread but the newest kPending; the thread sees what they copied.
template <int kPending>
__device__ __forceinline__ void WaitForAllButNewest() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ __forceinline__ uint4 ReadShared16(SharedAddress from) {
  uint4 value;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(from)
               : "memory");
  return value;
}

__device__ __forceinline__ uint2 ReadShared8(SharedAddress from) {
  uint2 value;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
               : "=r"(value.x), "=r"(value.y)
               : "r"(from)
               : "memory");
  return value;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_ASYNC_COPY_CUH_
