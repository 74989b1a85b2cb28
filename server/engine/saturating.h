// Sums and products of untrusted sizes.
#ifndef KVSIFT_SERVER_ENGINE_SATURATING_H_
#define KVSIFT_SERVER_ENGINE_SATURATING_H_

#include <cstdint>
#include <limits>

namespace kvsift {

// a + b, or the largest int64 where that overflows. REQUIRES: neither is negative.
constexpr int64_t SaturatingSum(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// a * b, or the largest int64 where that overflows. REQUIRES: neither is negative.
constexpr int64_t SaturatingProduct(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_SATURATING_H_
