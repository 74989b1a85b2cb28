// Answer rows after the backend has written them.
#ifndef KVSIFT_SERVER_ENGINE_ANSWER_ROWS_H_
#define KVSIFT_SERVER_ENGINE_ANSWER_ROWS_H_

#include <cstdint>

#include "server/engine/answer.h"

namespace kvsift {

// Makes rows [first, first + rows) empty: count 0, positions -1, scores 0.
void ClearRows(const AnswerShape& shape, const AnswerBuffers& answer, int64_t first, int64_t rows);

// Sets the scores of rows [first, first + rows) to 0. REQUIRES: shape.has_scores.
void ClearScores(const AnswerShape& shape, const AnswerBuffers& answer, int64_t first,
                 int64_t rows);

// Moves padded rows together, in place, fills the offsets and returns how many positions there are.
// REQUIRES: shape.layout is kPacked.
int64_t PackRows(const AnswerShape& shape, const AnswerBuffers& answer);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_ANSWER_ROWS_H_
