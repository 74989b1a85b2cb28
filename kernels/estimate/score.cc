#include "kernels/estimate/score.h"

#include <cassert>
#include <cstddef>
#include <cstdlib>

namespace kvsift {
namespace {

// What one dimension adds to a score.
int32_t Term(Estimator estimator, int key_bits, int query, int key) {
  switch (estimator) {
    case Estimator::kManhattan:
      return std::abs(query - key);
    case Estimator::kSquaredEuclidean:
      return (query - key) * (query - key);
    case Estimator::kDot:
      return Level(query, key_bits) * Level(key, key_bits);
    case Estimator::kAsymmetricDot:
      return query * Level(key, key_bits);
  }
  return 0;
}

}  // namespace

int32_t ScoreCodes(Estimator estimator, int key_bits, std::span<const int8_t> query,
                   std::span<const int8_t> key) {
  assert(query.size() == key.size());
  int32_t score = 0;
  for (size_t i = 0; i < key.size(); ++i) score += Term(estimator, key_bits, query[i], key[i]);
  return score;
}

}  // namespace kvsift
