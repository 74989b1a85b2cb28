#include "kernels/estimate/estimator.h"

namespace kvsift {
namespace {

constexpr Estimator kEstimators[] = {Estimator::kManhattan, Estimator::kSquaredEuclidean,
                                     Estimator::kDot, Estimator::kAsymmetricDot};

}  // namespace

std::string_view EstimatorName(Estimator estimator) {
  switch (estimator) {
    case Estimator::kManhattan:
      return "manhattan";
    case Estimator::kSquaredEuclidean:
      return "squared_euclidean";
    case Estimator::kDot:
      return "dot";
    case Estimator::kAsymmetricDot:
      return "asymmetric_dot";
  }
  return "";
}

std::optional<Estimator> EstimatorFromName(std::string_view name) {
  for (const Estimator estimator : kEstimators) {
    if (EstimatorName(estimator) == name) return estimator;
  }
  return std::nullopt;
}

}  // namespace kvsift
