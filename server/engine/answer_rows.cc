#include "server/engine/answer_rows.h"

#include <algorithm>

namespace kvsift {

void ClearRows(const AnswerShape& shape, const AnswerBuffers& answer, int64_t first, int64_t rows) {
  std::fill_n(answer.counts + first, rows, 0);
  std::fill_n(answer.positions + first * shape.width, rows * shape.width, -1);
  if (shape.has_scores) ClearScores(shape, answer, first, rows);
}

void ClearScores(const AnswerShape& shape, const AnswerBuffers& answer, int64_t first,
                 int64_t rows) {
  std::fill_n(answer.scores + first * shape.width, rows * shape.width, 0);
}

int64_t PackRows(const AnswerShape& shape, const AnswerBuffers& answer) {
  int64_t end = 0;
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t from = row * shape.width;
    const int64_t count = answer.counts[row];
    answer.offsets[row] = static_cast<int32_t>(end);
    // Rows only move towards the front, so one pass never overwrites what it has yet to read.
    if (from != end) {
      std::copy_n(answer.positions + from, count, answer.positions + end);
      if (shape.has_scores) std::copy_n(answer.scores + from, count, answer.scores + end);
    }
    end += count;
  }
  answer.offsets[shape.rows] = static_cast<int32_t>(end);
  return end;
}

}  // namespace kvsift
