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

// Fills weights [heads] by all threads of the block, and waits for them.
__device__ inline void WeighHeads(const float* scales, const float* key_scales,
                                  int heads_per_key_scale, int heads, int32_t* weights) {
  for (int h = static_cast<int>(threadIdx.x); h < heads; h += static_cast<int>(blockDim.x)) {
    if (scales == nullptr) {
      weights[h] = 1;
      continue;
    }
    float largest = 0.0f;
    for (int i = 0; i < heads; ++i) {
      const float scale = WeighedScale(scales, key_scales, heads_per_key_scale, i);
      if (scale > largest) largest = scale;
    }
    const float scale = WeighedScale(scales, key_scales, heads_per_key_scale, h);
    const float weight = rintf(__fmul_rn(__fdiv_rn(scale, largest), 65535.0f));
    weights[h] = scale == 0.0f ? 0 : weight > 1.0f ? static_cast<int32_t>(weight) : 1;
  }
  __syncthreads();
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_WEIGHTS_CUH_
