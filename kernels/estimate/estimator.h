// How a query code is scored against key codes.
#ifndef KVSIFT_KERNELS_ESTIMATE_ESTIMATOR_H_
#define KVSIFT_KERNELS_ESTIMATE_ESTIMATOR_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/format/code_shape.h"

namespace kvsift {

// Scores are int32 sums over the padded dimensions of a query code q and a key code c.
enum class Estimator : uint8_t {
  kManhattan,         // sum |q - c|: the Adamas paper's; smaller is better
  kSquaredEuclidean,  // sum (q - c)^2: smaller is better
  kDot,               // sum Level(q) * Level(c): larger is better
  kAsymmetricDot,     // sum q * Level(c), q in -7 .. 7: larger is better; the most accurate
};

// True where smaller scores are better.
constexpr bool SmallerIsBetter(Estimator estimator) {
  return estimator == Estimator::kManhattan || estimator == Estimator::kSquaredEuclidean;
}

// True where each query code comes with a float32 scale.
constexpr bool HasQueryScales(Estimator estimator) {
  return estimator == Estimator::kAsymmetricDot;
}

// Planes of a query code: 4 for asymmetric_dot, else the store's key bits.
constexpr int QueryPlanes(Estimator estimator, int key_bits) {
  return HasQueryScales(estimator) ? kFineQueryBits : key_bits;
}

// Largest magnitude a score can have; at most 12544 (head_dim 256, 3 bits), so int16 suffices.
constexpr int32_t MaxScoreMagnitude(Estimator estimator, int head_dim, int key_bits) {
  const int top = ThresholdCount(key_bits);
  switch (estimator) {
    case Estimator::kManhattan:
      return PaddedDim(head_dim) * top;
    case Estimator::kSquaredEuclidean:
    case Estimator::kDot:
      return PaddedDim(head_dim) * top * top;
    case Estimator::kAsymmetricDot:
      return PaddedDim(head_dim) * kFineQueryMax * top;
  }
  return 0;
}

// "manhattan", "squared_euclidean", "dot", "asymmetric_dot".
std::string_view EstimatorName(Estimator estimator);

// The estimator of that name, or nothing.
std::optional<Estimator> EstimatorFromName(std::string_view name);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ESTIMATE_ESTIMATOR_H_
