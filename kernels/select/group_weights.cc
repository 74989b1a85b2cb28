#include "kernels/select/group_weights.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace kvsift {

void GroupWeights(std::span<const float> scales, std::span<int32_t> weights) {
  assert(scales.size() == weights.size());
  float largest = 0;
  for (const float scale : scales) largest = std::max(largest, scale);
  for (size_t h = 0; h < scales.size(); ++h) {
    if (scales[h] == 0) {
      weights[h] = 0;
      continue;
    }
    const float weight = std::rint((scales[h] / largest) * kMaxGroupWeight);
    // Raw queries with infinities can get here below the service: NaN counts as 1.
    weights[h] = weight > 1 ? static_cast<int32_t>(weight) : 1;
  }
}

}  // namespace kvsift
