// From rotated coordinates to bits of planes, for the elements of a lane (rotate.cuh).
#ifndef KVSIFT_KERNELS_CUDA_CUT_CUH_
#define KVSIFT_KERNELS_CUDA_CUT_CUH_

#include "kernels/cuda/rotate.cuh"

namespace kvsift::cuda {

// Bits [kLaneElements] of every plane of a lane's codes.
template <int kPlanes>
struct LanePlanes {
  uint32_t bits[kPlanes];

  // Calls put(plane, byte of the plane, value) for the bytes of a lane.
  template <int kWords, class Put>
  __device__ __forceinline__ void ForBytes(int part, Put put) const {
#pragma unroll
    for (int plane = 0; plane < kPlanes; ++plane) {
      put(plane, part, static_cast<uint8_t>(bits[plane]));
      put(plane, part + kVectorLanes<kWords>, static_cast<uint8_t>(bits[plane] >> 8));
    }
  }
};

// How many of the ascending limits each coordinate exceeds: one comparison a plane, from the top,
// each with the limit in the middle of what the ones before have left.
template <int kPlanes>
__device__ __forceinline__ LanePlanes<kPlanes> CutElements(
    const float (&x)[kLaneElements], const float (&limits)[(1 << kPlanes) - 1]) {
  LanePlanes<kPlanes> planes{};
#pragma unroll
  for (int i = 0; i < kLaneElements; ++i) {
    float left[(1 << kPlanes) - 1];
#pragma unroll
    for (int j = 0; j < (1 << kPlanes) - 1; ++j) left[j] = limits[j];
#pragma unroll
    for (int plane = kPlanes - 1; plane >= 0; --plane) {
      const int middle = (1 << plane) - 1;
      const bool above = x[i] > left[middle];
      if (above) planes.bits[plane] |= 1u << i;
#pragma unroll
      for (int j = 0; j < middle; ++j) left[j] = above ? left[middle + 1 + j] : left[j];
    }
  }
  return planes;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CUT_CUH_
