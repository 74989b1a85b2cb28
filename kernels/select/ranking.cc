#include "kernels/select/ranking.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace kvsift {

std::vector<int32_t> BestPositions(std::span<const int64_t> values, const Policy& policy) {
  const int64_t visible = std::ssize(values);
  std::vector<int32_t> positions;
  if (visible <= policy.k) {
    positions.resize(values.size());
    std::iota(positions.begin(), positions.end(), 0);
    return positions;
  }
  std::vector<Candidate> ranked;
  for (int64_t p = 0; p < visible; ++p) {
    if (IsForced(policy, p, visible)) {
      positions.push_back(static_cast<int32_t>(p));
    } else {
      ranked.push_back({.value = values[static_cast<size_t>(p)], .position = p});
    }
  }
  const int64_t rest = policy.k - std::ssize(positions);
  std::partial_sort(ranked.begin(), ranked.begin() + rest, ranked.end(), RanksBefore);
  for (int64_t i = 0; i < rest; ++i) {
    positions.push_back(static_cast<int32_t>(ranked[static_cast<size_t>(i)].position));
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

}  // namespace kvsift
