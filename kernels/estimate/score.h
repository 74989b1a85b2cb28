// What the score of a query code against a key code is. Backends compute the same integers from
// bit planes; this is their definition, one dimension at a time.
#ifndef KVSIFT_KERNELS_ESTIMATE_SCORE_H_
#define KVSIFT_KERNELS_ESTIMATE_SCORE_H_

#include <cstdint>
#include <span>

#include "kernels/estimate/estimator.h"

namespace kvsift {

// The score of an unpacked query code [D] against an unpacked key code [D] of `key_bits` bits.
// Query values are 0 .. 2^key_bits - 1, or -7 .. 7 for asymmetric_dot.
// REQUIRES: both have the same size.
int32_t ScoreCodes(Estimator estimator, int key_bits, std::span<const int8_t> query,
                   std::span<const int8_t> key);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ESTIMATE_SCORE_H_
