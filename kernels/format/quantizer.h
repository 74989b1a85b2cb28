// The key quantizer of a store: where rotated key coordinates are cut into codes.
//
// Thresholds are multiples of a (layer, kv head)'s key scale, the root mean square of its rotated
// keys. The multiples are those that minimise the squared error for Gaussian coordinates
// (Lloyd-Max); the rotation makes coordinates nearly Gaussian.
#ifndef KVSIFT_KERNELS_FORMAT_QUANTIZER_H_
#define KVSIFT_KERNELS_FORMAT_QUANTIZER_H_

#include <span>
#include <vector>

#include "kernels/format/code_shape.h"

namespace kvsift {

// Key scales outside [kMinKeyScale, kMaxKeyScale] are refused.
inline constexpr float kMinKeyScale = 0x1p-60f;
inline constexpr float kMaxKeyScale = 0x1p40f;

// Multiples of the scale at which codes change, ascending [2^bits - 1].
// REQUIRES: 1 <= bits <= 3.
std::span<const double> ThresholdMultiples(int bits);

// Thresholds on unnormalised rotated key coordinates, ascending [2^bits - 1]: each
// float32((multiple * key_scale) * sqrt(D)), computed in double from left to right.
// REQUIRES: key_scale in [kMinKeyScale, kMaxKeyScale].
std::vector<float> KeyThresholds(float key_scale, int head_dim, int bits);

// Shares of Gaussian coordinates that take each level, ascending [2^bits], where the key scale is
// their root mean square. REQUIRES: 1 <= bits <= 3.
std::span<const double> GaussianLevelShares(int bits);

// Code of one rotated coordinate: how many thresholds it strictly exceeds. NaN exceeds none.
constexpr int QuantizeCoordinate(float x, std::span<const float> thresholds) {
  int code = 0;
  for (const float threshold : thresholds) code += x > threshold;
  return code;
}

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_FORMAT_QUANTIZER_H_
