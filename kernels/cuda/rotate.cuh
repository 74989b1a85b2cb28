// A vector in the registers of a warp, and its rotation. Every step rounds once, in the order of
// the definition (kernels/encode/rotation.h); the intrinsics keep the compiler from contracting.
#ifndef KVSIFT_KERNELS_CUDA_ROTATE_CUH_
#define KVSIFT_KERNELS_CUDA_ROTATE_CUH_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/cuda/ingest.h"

namespace kvsift::cuda {

inline constexpr int kMaxWords = 8;  // D / 32 for D = 256

__device__ __forceinline__ float LoadElement(const uint8_t* vector, int i, VectorKind kind) {
  switch (kind) {
    case VectorKind::kFloat16:
      return __half2float(reinterpret_cast<const __half*>(vector)[i]);
    case VectorKind::kBfloat16:
      return __uint_as_float(uint32_t{reinterpret_cast<const uint16_t*>(vector)[i]} << 16);
    default:
      return reinterpret_cast<const float*>(vector)[i];
  }
}

// Lane l of the warp gets elements j * 32 + l in x[j], zeros beyond head_dim.
template <int kWords>
__device__ __forceinline__ void LoadVector(const uint8_t* vector, VectorKind kind, int head_dim,
                                           float (&x)[kWords]) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int j = 0; j < kWords; ++j) {
    const int i = j * 32 + lane;
    x[j] = i < head_dim ? LoadElement(vector, i, kind) : 0.0f;
  }
}

template <int kWords>
__device__ __forceinline__ void RotateVector(float (&x)[kWords]) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int stride = 1; stride < 32; stride *= 2) {
    // The upper of two lanes subtracts: a + (-b) rounds like a - b.
    const uint32_t sign = (lane & stride) != 0 ? 0x80000000u : 0u;
#pragma unroll
    for (int j = 0; j < kWords; ++j) {
      const float other = __shfl_xor_sync(~0u, x[j], stride);
      x[j] = __fadd_rn(other, __uint_as_float(__float_as_uint(x[j]) ^ sign));
    }
  }
#pragma unroll
  for (int stride = 1; stride < kWords; stride *= 2) {
#pragma unroll
    for (int j = 0; j < kWords; ++j) {
      if ((j & stride) != 0) continue;
      const float a = x[j];
      const float b = x[j + stride];
      x[j] = __fadd_rn(a, b);
      x[j + stride] = __fsub_rn(a, b);
    }
  }
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_ROTATE_CUH_
