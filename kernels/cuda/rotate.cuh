// Vectors in the registers of neighbouring lanes, and their rotation. Every step rounds once, in
// the order of the definition (kernels/encode/rotation.h); the intrinsics keep the compiler from
// contracting.
//
// A vector of D = 32 * kWords elements lies in 2 * kWords lanes. Lane `part` of them has elements
// [8 * part, 8 * part + 8) and the same of the upper half, from D / 2 on: loads of 16 bytes lie
// side by side, each eight make a whole byte of every plane, and only strides 8 .. D / 4 cross
// lanes. A shuffle costs four times an addition.
#ifndef KVSIFT_KERNELS_CUDA_ROTATE_CUH_
#define KVSIFT_KERNELS_CUDA_ROTATE_CUH_

#include <cuda_fp16.h>

#include "kernels/cuda/ingest.h"

namespace kvsift::cuda {

inline constexpr int kLaneElements = 16;

template <int kWords>
inline constexpr int kVectorLanes = 2 * kWords;

// Index in the vector of the first of eight elements: `half` is 0 or 1.
template <int kWords>
__device__ __forceinline__ int EightOf(int part, int half) {
  return half * 16 * kWords + 8 * part;
}

// Whether vectors of head_dim elements can be loaded 16 bytes at a time.
inline bool LoadsWhole(int head_dim) { return head_dim % 8 == 0; }

// A lane's elements as they lie in memory, zeros beyond head_dim. Apart from their values, so that
// the next vector is on its way while this one is rotated. REQUIRES: kWhole only if LoadsWhole.
template <VectorKind kKind, bool kWhole>
struct RawElements {
  static constexpr int kElementBytes = kKind == VectorKind::kFloat32 ? 4 : 2;
  static constexpr int kHalfWords = 2 * kElementBytes;  // of eight elements
  uint32_t bits[2 * kHalfWords];

  template <int kWords>
  __device__ __forceinline__ void Load(const uint8_t* vector, int head_dim, int part) {
    const uint8_t* share = vector + EightOf<kWords>(part, 0) * kElementBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint8_t* from = share + EightOf<kWords>(0, half) * kElementBytes;
      const int count = head_dim - EightOf<kWords>(part, half);
      if constexpr (kWhole) {
        LoadWhole(from, count > 0, half);
      } else {
        LoadSingly(from, count, half);
      }
    }
  }

  __device__ __forceinline__ void Convert(float (&x)[kLaneElements]) const {
#pragma unroll
    for (int i = 0; i < kLaneElements; ++i) {
      if constexpr (kKind == VectorKind::kFloat32) {
        x[i] = __uint_as_float(bits[i]);
      } else if constexpr (kKind == VectorKind::kBfloat16) {
        x[i] = __uint_as_float(i % 2 == 0 ? bits[i / 2] << 16 : bits[i / 2] & 0xffff0000u);
      } else {
        const uint32_t element = i % 2 == 0 ? bits[i / 2] : bits[i / 2] >> 16;
        x[i] = __half2float(__ushort_as_half(static_cast<uint16_t>(element)));
      }
    }
  }

 private:
  __device__ __forceinline__ void LoadWhole(const uint8_t* from, bool there, int half) {
#pragma unroll
    for (int i = 0; i < kHalfWords; i += 4) {
      uint4 four = make_uint4(0, 0, 0, 0);
      if (there) four = __ldg(reinterpret_cast<const uint4*>(from) + i / 4);
      bits[half * kHalfWords + i] = four.x;
      bits[half * kHalfWords + i + 1] = four.y;
      bits[half * kHalfWords + i + 2] = four.z;
      bits[half * kHalfWords + i + 3] = four.w;
    }
  }

  // The first `count` of eight elements.
  __device__ __forceinline__ void LoadSingly(const uint8_t* from, int count, int half) {
#pragma unroll
    for (int i = 0; i < kHalfWords; ++i) {
      uint32_t word = 0;
      if constexpr (kElementBytes == 4) {
        if (i < count) word = __ldg(reinterpret_cast<const uint32_t*>(from) + i);
      } else {
        const uint16_t* elements = reinterpret_cast<const uint16_t*>(from) + 2 * i;
        if (2 * i < count) word = __ldg(elements);
        if (2 * i + 1 < count) word |= static_cast<uint32_t>(__ldg(elements + 1)) << 16;
      }
      bits[half * kHalfWords + i] = word;
    }
  }
};

// One step of the rotation whose stride stays in the lane: `apart` is 1, 2, 4 or, for D / 2, 8.
template <int apart>
__device__ __forceinline__ void RotateInLane(float (&x)[kLaneElements]) {
#pragma unroll
  for (int i = 0; i < kLaneElements; ++i) {
    if ((i & apart) != 0) continue;
    const float a = x[i];
    const float b = x[i + apart];
    x[i] = __fadd_rn(a, b);
    x[i + apart] = __fsub_rn(a, b);
  }
}

template <int kWords>
__device__ __forceinline__ void RotateVector(float (&x)[kLaneElements], int part) {
  RotateInLane<1>(x);
  RotateInLane<2>(x);
  RotateInLane<4>(x);
#pragma unroll
  for (int apart = 1; apart < kVectorLanes<kWords>; apart *= 2) {
    // The upper of two lanes subtracts. Multiplying by 1 or -1 is exact: this rounds once.
    const float sign = (part & apart) != 0 ? -1.0f : 1.0f;
#pragma unroll
    for (int i = 0; i < kLaneElements; ++i) {
      x[i] = __fmaf_rn(x[i], sign, __shfl_xor_sync(~0u, x[i], apart));
    }
  }
  RotateInLane<8>(x);
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_ROTATE_CUH_
