// The order of positions and which of them a list holds: the definition that every backend's
// selection equals.
#ifndef KVSIFT_KERNELS_SELECT_RANKING_H_
#define KVSIFT_KERNELS_SELECT_RANKING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/estimate/estimator.h"
#include "kernels/select/policy.h"

namespace kvsift {

// A position with its value; smaller values are better.
struct Candidate {
  int64_t value = 0;
  int64_t position = 0;
};

// The value of a score: its negative where larger scores are better.
constexpr int64_t RankingValue(Estimator estimator, int64_t score) {
  return SmallerIsBetter(estimator) ? score : -score;
}

// The total order: better value first; equal values: the more recent position first.
constexpr bool RanksBefore(const Candidate& a, const Candidate& b) {
  return a.value != b.value ? a.value < b.value : a.position > b.position;
}

// True if every list that sees `visible` positions holds this one: a sink or in the window.
// Counts only where visible > k; otherwise a list holds everything.
constexpr bool IsForced(const Policy& policy, int64_t position, int64_t visible) {
  return position < policy.sinks || position >= visible - policy.window;
}

// The positions a list holds, ascending, given the value of every visible position: all of them
// if they are at most k, else the forced ones and the first of the others in the total order.
// REQUIRES: policy is valid.
std::vector<int32_t> BestPositions(std::span<const int64_t> values, const Policy& policy);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_SELECT_RANKING_H_
