// Integer weights that make scores of different query heads comparable.
#ifndef KVSIFT_KERNELS_SELECT_GROUP_WEIGHTS_H_
#define KVSIFT_KERNELS_SELECT_GROUP_WEIGHTS_H_

#include <cstdint>
#include <span>

namespace kvsift {

inline constexpr float kMaxGroupWeight = 65535.0f;

// Writes the weight of each head: 0 where its scale is 0 (the head takes no part), else
// max(1, rint((scale / largest scale) * 65535)) in float32 from left to right, half to even.
// All 0 if every scale is 0. Estimators without scales use weight 1 for every head.
// REQUIRES: weights.size() == scales.size(); scales are finite and not negative.
void GroupWeights(std::span<const float> scales, std::span<int32_t> weights);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_SELECT_GROUP_WEIGHTS_H_
