// Query codes in the form that the scoring loops read.
//
// Every estimator is a sum over the dimensions, taken four dimensions at a time in one 32-bit
// lane: a word of four small integers of the query meets four codes of the key in the same bytes.
#ifndef KVSIFT_KERNELS_CPU_QUERY_WORDS_H_
#define KVSIFT_KERNELS_CPU_QUERY_WORDS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/estimate/estimator.h"
#include "kernels/format/store_format.h"

namespace kvsift {

enum class ScoreKind : uint8_t {
  // value = 2 * sum(q * c) + bias, for both dot estimators: with T = 2^bits - 1,
  // sum(q * (2c - T)) = 2 * sum(q * c) - T * sum(q).
  kDot,
  // value = 2 * sum(q * c) - sum(c * c) + bias: minus the squared distance.
  kSquaredEuclidean,
  // value = -popcount of differing thermometer bits, for 1 and 2 bits: |q - c| is how many of
  // the thresholds 1 .. 2^bits - 1 lie between q and c.
  kManhattanPlanes,
  // value = -sum(|q - c|), code by code, for 3 bits.
  kManhattanBytes,
};

// What a scoring loop needs to know besides the words themselves.
struct ScoreForm {
  ScoreKind kind = ScoreKind::kDot;
  int key_bits = 2;
  int plane_words = 0;  // D / 32

  int words_per_query() const;
};

inline constexpr int kMaxQueryWords = 128;  // 3 bits, D = 256

// Query codes of the dot forms are multiplied by this, so that the four codes of a byte can be
// used where they are: the code at bits 2j counts 4^j times, its query 16 / 4^j times. The
// largest product of a query code and this, 7 * 16, fits a signed byte.
inline constexpr int kDotScaleLog2 = 4;

ScoreForm MakeScoreForm(Estimator estimator, const StoreShape& shape);

// Writes the words [form.words_per_query()] of one query code in wire layout and returns its bias.
int32_t MakeQueryWords(const ScoreForm& form, Estimator estimator, const std::byte* code,
                       int32_t* words);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_QUERY_WORDS_H_
