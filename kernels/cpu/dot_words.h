// The words of a query for the dot loops.
#ifndef KVSIFT_KERNELS_CPU_DOT_WORDS_H_
#define KVSIFT_KERNELS_CPU_DOT_WORDS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/query_words.h"
#include "kernels/estimate/estimator.h"

namespace kvsift {

// MakeQueryWords for kDot and kSquaredEuclidean.
int32_t MakeDotWords(const ScoreForm& form, Estimator estimator, const std::byte* code,
                     int32_t* words);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_DOT_WORDS_H_
