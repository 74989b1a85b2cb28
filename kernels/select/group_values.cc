#include "kernels/select/group_values.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>

#include "kernels/select/ranking.h"

namespace kvsift {
namespace {

constexpr int64_t kNoValue = std::numeric_limits<int64_t>::max();

size_t VisiblePositions(std::span<const HeadScores> heads) {
  return heads.empty() ? 0 : heads.front().scores.size();
}

int64_t BestScore(Estimator estimator, std::span<const int32_t> scores) {
  return SmallerIsBetter(estimator) ? *std::min_element(scores.begin(), scores.end())
                                    : *std::max_element(scores.begin(), scores.end());
}

}  // namespace

std::vector<int64_t> GroupMaxValues(Estimator estimator, std::span<const HeadScores> heads) {
  std::vector<int64_t> values(VisiblePositions(heads), kNoValue);
  if (values.empty()) return values;
  for (const HeadScores& head : heads) {
    if (head.weight == 0) continue;
    const int64_t best = BestScore(estimator, head.scores);
    for (size_t p = 0; p < values.size(); ++p) {
      values[p] = std::min(values[p], head.weight * std::abs(best - head.scores[p]));
    }
  }
  if (values.front() == kNoValue) std::fill(values.begin(), values.end(), 0);
  return values;
}

std::vector<int64_t> GroupSumValues(Estimator estimator, std::span<const HeadScores> heads) {
  std::vector<int64_t> values(VisiblePositions(heads), 0);
  for (const HeadScores& head : heads) {
    for (size_t p = 0; p < values.size(); ++p) {
      values[p] += RankingValue(estimator, int64_t{head.weight} * head.scores[p]);
    }
  }
  return values;
}

}  // namespace kvsift
