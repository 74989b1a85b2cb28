#include "server/engine/level_deviation.h"

#include <bit>
#include <cmath>
#include <numeric>

#include "kernels/format/quantizer.h"

namespace kvsift {

std::optional<float> DeviationOf(std::span<const int64_t> counts, int padded_dim) {
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (total < kDeviationPositions * padded_dim) return std::nullopt;
  const std::span<const double> expected = GaussianLevelShares(std::bit_width(counts.size()) - 1);
  double sum = 0;
  for (size_t level = 0; level < counts.size(); ++level) {
    const double share = static_cast<double>(counts[level]) / static_cast<double>(total);
    sum += std::fabs(share - expected[level]);
  }
  return static_cast<float>(sum / 2);
}

}  // namespace kvsift
