// Scores of query codes against tiles of 16 key codes: the innermost loops of the CPU backend.
#ifndef KVSIFT_KERNELS_CPU_SCORE_TILES_H_
#define KVSIFT_KERNELS_CPU_SCORE_TILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu/query_words.h"

namespace kvsift {

// Tiles that lie end to end in page memory.
struct TileRun {
  const std::byte* tiles = nullptr;
  int64_t count = 0;
};

// One query to score and where its values go.
struct ScoreRow {
  const int32_t* words = nullptr;  // MakeQueryWords
  int32_t bias = 0;
  int16_t* values = nullptr;  // [16 * tiles]; REQUIRES: rows do not overlap
};

// Writes for each row the value of each key of the runs, in order: the score, negated where
// smaller scores are better, so that larger is better everywhere. int16 holds every value.
// The work on a key that does not depend on the query is shared by up to 4 rows.
void ScoreTiles(const ScoreForm& form, std::span<const TileRun> runs,
                std::span<const ScoreRow> rows);

// The instruction set that ScoreTiles uses on this machine, as Highway names it.
std::string_view VectorTargetName();

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_SCORE_TILES_H_
