// How far key codes are from what their scales promise.
//
// Thresholds are multiples of the root mean square of a (layer, kv head)'s rotated keys, which are
// nearly Gaussian, so every level has a known share of the coordinates (GaussianLevelShares). Other
// shares mean other scales than those of the keys: a model that is not the calibrated one.
#ifndef KVSIFT_SERVER_ENGINE_LEVEL_DEVIATION_H_
#define KVSIFT_SERVER_ENGINE_LEVEL_DEVIATION_H_

#include <cstdint>
#include <optional>
#include <span>

namespace kvsift {

// Beyond this a store has drifted. Every (layer, kv head) of SmolLM2-135M stays below 0.05 with 2
// bits and below 0.1 with 3 under scales measured on another text, and is above 0.24 where they are
// off by two (tests/bench/level_deviation.py). Keys of 1 bit, cut at 0 alone, say nothing about
// scales.
inline constexpr float kLevelDeviationLimit = 0.15f;

// Sampled positions of a (layer, kv head) below which nothing is said.
inline constexpr int64_t kDeviationPositions = 32;

struct LevelDeviation {
  int32_t layer_id = 0;
  int32_t kv_head = 0;
  float deviation = 0;
};

// Half the sum over levels of |share - expected share|, 0 to 1, of the coordinates that `counts`
// [levels] counts; nothing if they are of fewer than kDeviationPositions vectors of `padded_dim`.
// REQUIRES: 2, 4 or 8 levels.
std::optional<float> DeviationOf(std::span<const int64_t> counts, int padded_dim);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_LEVEL_DEVIATION_H_
