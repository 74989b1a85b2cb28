// A vector in the registers of a warp, and its rotation. Every step rounds once, in the order of
// the definition (kernels/encode/rotation.h); the intrinsics keep the compiler from contracting.
#ifndef KVSIFT_KERNELS_CUDA_ROTATE_CUH_
#define KVSIFT_KERNELS_CUDA_ROTATE_CUH_

#include <cuda_fp16.h>

#include "kernels/cuda/ingest.h"

namespace kvsift::cuda {

inline constexpr int kMaxWords = 8;  // D / 32 for D = 256

// A vector as it lies in memory: lane l of the warp has the bits of elements j * 32 + l, zeros
// beyond head_dim. Apart from its values, so that loads of several vectors are in flight together.
template <int kWords>
struct RawVector {
  uint32_t bits[kWords];

  __device__ __forceinline__ void Load(const uint8_t* vector, VectorKind kind, int head_dim) {
    const int lane = threadIdx.x & 31;
#pragma unroll
    for (int j = 0; j < kWords; ++j) {
      const int i = j * 32 + lane;
      bits[j] = 0;
      if (i >= head_dim) continue;
      bits[j] = kind == VectorKind::kFloat32 ? __ldg(reinterpret_cast<const uint32_t*>(vector) + i)
                                             : __ldg(reinterpret_cast<const uint16_t*>(vector) + i);
    }
  }

  __device__ __forceinline__ void Convert(VectorKind kind, float (&x)[kWords]) const {
#pragma unroll
    for (int j = 0; j < kWords; ++j) {
      const float half = __half2float(__ushort_as_half(static_cast<uint16_t>(bits[j])));
      const float other = __uint_as_float(kind == VectorKind::kBfloat16 ? bits[j] << 16 : bits[j]);
      x[j] = kind == VectorKind::kFloat16 ? half : other;
    }
  }
};

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
