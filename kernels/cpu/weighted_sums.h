// Scores of the heads of a group, weighted and added: the values of group_sum.
#ifndef KVSIFT_KERNELS_CPU_WEIGHTED_SUMS_H_
#define KVSIFT_KERNELS_CPU_WEIGHTED_SUMS_H_

#include <cstdint>
#include <span>

namespace kvsift {

// Writes sums[i] = sum over r of weights[r] * rows[r][i] for i < count.
// REQUIRES: rows hold `count` values; weights are 0 .. 65535, so a product fits int32.
void WeightedSums(std::span<const int16_t* const> rows, std::span<const int32_t> weights,
                  int64_t count, int64_t* sums);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_WEIGHTED_SUMS_H_
