// The value of a position for a group of query heads that share one list.
#ifndef KVSIFT_KERNELS_SELECT_GROUP_VALUES_H_
#define KVSIFT_KERNELS_SELECT_GROUP_VALUES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/estimate/estimator.h"

namespace kvsift {

// One head's scores of every visible position and its weight in the group. A head of weight 0
// takes no part; where no head takes part every position has value 0, so the most recent win.
struct HeadScores {
  std::span<const int32_t> scores;
  int32_t weight = 1;
};

// group_max and layer_max, [visible], smaller is better: the least weight * |best - score| over
// the heads, where best is the head's best score of all visible positions, forced ones included.
// A position is as good as the head that wants it most finds it. Fits int32:
// 65535 * (2 * 12544) < 2^31.
std::vector<int64_t> GroupMaxValues(Estimator estimator, std::span<const HeadScores> heads);

// group_sum, [visible], smaller is better: the sum of weight * score over the heads, negated
// where larger scores are better.
std::vector<int64_t> GroupSumValues(Estimator estimator, std::span<const HeadScores> heads);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_SELECT_GROUP_VALUES_H_
