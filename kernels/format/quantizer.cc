#include "kernels/format/quantizer.h"

#include <array>
#include <cmath>

namespace kvsift {
namespace {

constexpr double kOneBit[] = {0.0};
constexpr double kTwoBits[] = {-0.98, 0.0, 0.98};
constexpr double kThreeBits[] = {-1.758, -1.172, -0.586, 0.0, 0.586, 1.172, 1.758};

using LevelShares = std::array<double, KeyLevels(kMaxKeyBits)>;

LevelShares SharesOf(int bits) {
  LevelShares shares{};
  double below = 0;
  size_t level = 0;
  for (const double multiple : ThresholdMultiples(bits)) {
    const double up_to_here = std::erfc(-multiple / std::sqrt(2.0)) / 2;
    shares[level++] = up_to_here - below;
    below = up_to_here;
  }
  shares[level] = 1 - below;
  return shares;
}

}  // namespace

std::span<const double> ThresholdMultiples(int bits) {
  switch (bits) {
    case 1:
      return kOneBit;
    case 2:
      return kTwoBits;
    case 3:
      return kThreeBits;
    default:
      return {};
  }
}

std::vector<float> KeyThresholds(float key_scale, int head_dim, int bits) {
  const double root = std::sqrt(static_cast<double>(PaddedDim(head_dim)));
  std::vector<float> thresholds;
  for (const double multiple : ThresholdMultiples(bits)) {
    // The order of the two products decides the last bit.
    const double scaled = multiple * static_cast<double>(key_scale);
    thresholds.push_back(static_cast<float>(scaled * root));
  }
  return thresholds;
}

std::span<const double> GaussianLevelShares(int bits) {
  static const std::array<LevelShares, kMaxKeyBits> kShares = {SharesOf(1), SharesOf(2),
                                                               SharesOf(3)};
  return std::span(kShares[bits - 1]).first(static_cast<size_t>(KeyLevels(bits)));
}

}  // namespace kvsift
