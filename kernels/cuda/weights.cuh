// Weights of the heads of a row (kernels/select/group_weights.h), on the device.
#ifndef KVSIFT_KERNELS_CUDA_WEIGHTS_CUH_
#define KVSIFT_KERNELS_CUDA_WEIGHTS_CUH_

#include <cstdint>

namespace kvsift::cuda {

// The scale that head `h` is weighed by.
__device__ __forceinline__ float WeighedScale(const float* scales, const float* key_scales,
                                              int heads_per_key_scale, int h) {
  return key_scales == nullptr ? scales[h]
                               : __fmul_rn(scales[h], key_scales[h / heads_per_key_scale]);
}

// The largest scale, or 0: a warp finds it, all its lanes have it.
__device__ __forceinline__ float LargestScale(const float* scales, const float* key_scales,
                                              int heads_per_key_scale, int heads) {
  int largest = 0;  // bits of floats that are not negative, which are ordered like integers
  for (int h = static_cast<int>(threadIdx.x) % 32; h < heads; h += 32) {
    const float scale = WeighedScale(scales, key_scales, heads_per_key_scale, h);
    largest = max(largest, __float_as_int(scale));
  }
  return __int_as_float(__reduce_max_sync(~0u, largest));
}

// Fills weights [heads] by all threads of the block, and waits for them.
__device__ inline void WeighHeads(const float* scales, const float* key_scales,
                                  int heads_per_key_scale, int heads, int32_t* weights) {
  const float largest =
      scales == nullptr ? 0.0f : LargestScale(scales, key_scales, heads_per_key_scale, heads);
#pragma unroll 1
  for (int h = static_cast<int>(threadIdx.x); h < heads; h += static_cast<int>(blockDim.x)) {
    if (scales == nullptr) {
      weights[h] = 1;
      continue;
    }
    const float scale = WeighedScale(scales, key_scales, heads_per_key_scale, h);
    const float weight = rintf(__fmul_rn(__fdiv_rn(scale, largest), 65535.0f));
    weights[h] = scale == 0.0f ? 0 : weight > 1.0f ? static_cast<int32_t>(weight) : 1;
  }
  __syncthreads();
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_WEIGHTS_CUH_
