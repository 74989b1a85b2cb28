#include "kernels/cuda/select_plan.h"

#include <algorithm>
#include <cmath>

namespace kvsift::cuda {
namespace {

constexpr int64_t kTileKeys = 16;
constexpr int64_t kSampledKeysPerTile = 2;

constexpr int32_t kSparsestSample = 4;  // tiles; one key of 32

// Keys that pass a guessed threshold, in the mean and with room for chance: the guess aims at
// five standard deviations beyond the wanted rank (select_search.cuh).
int64_t ExpectedCandidates(int64_t ranked, int32_t stride) {
  const double fraction =
      static_cast<double>(kSampledKeysPerTile) / static_cast<double>(kTileKeys * stride);
  const double mean = static_cast<double>(ranked) * fraction;
  return static_cast<int64_t>((mean + 6 * std::sqrt(mean) + 6) / fraction);
}

int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

int ClusterFor(const SelectTuning& tuning, const SelectDevice& device, int64_t keys,
               int64_t total_keys) {
  const int64_t blocks = int64_t{device.processors} * tuning.blocks_per_processor;
  const int64_t block_keys =
      std::clamp<int64_t>(total_keys / blocks, tuning.least_block_keys, tuning.most_block_keys);
  // Rounded down rather than up: one block too many costs a wave, larger blocks cost little.
  int cluster = 1;
  while (cluster < tuning.largest_cluster && cluster * block_keys * 3 / 2 < keys) cluster *= 2;
  return cluster;
}

SelectPlan PlanSelect(const SelectTuning& tuning, const SelectDevice& device, int cluster,
                      int columns, int64_t most_keys, int64_t most_ranked, int goodness_limit) {
  SelectPlan plan;
  plan.cluster = cluster;
  plan.columns = columns;
  plan.goodness_limit = goodness_limit;
  while (((2 * goodness_limit) >> plan.goodness_shift) >= kHistogramBins) ++plan.goodness_shift;

  const int64_t tiles = (most_keys + kTileKeys - 1) / kTileKeys;
  const int64_t block_keys = (tiles + cluster - 1) / cluster * kTileKeys;
  plan.block_words = static_cast<int32_t>(RoundUp(block_keys, 32) / 32);
  const int64_t marks = int64_t{columns} * plan.block_words * 2 * 4;
  const int64_t histograms = int64_t{columns} * kHistogramBins * 4;
  const int64_t rest = device.shared_bytes - std::max(marks, histograms);

  int64_t capacity = block_keys;
  if (block_keys > tuning.all_keys) {
    // Ranked keys per sampled key at the densest sample, two keys of every tile.
    const int64_t ratio = most_keys / std::max<int64_t>(1, most_ranked) * kSampledKeysPerTile;
    plan.sample_stride =
        static_cast<int32_t>(std::clamp<int64_t>(ratio / kTileKeys, 1, kSparsestSample));
    const int64_t expected = ExpectedCandidates(most_ranked, plan.sample_stride) / cluster;
    capacity = std::min(block_keys,
                        std::max<int64_t>(tuning.least_capacity, expected + expected / 2 + 256));
    if (capacity == block_keys) plan.sample_stride = 0;
  }
  if (capacity * columns * 4 > rest) {
    capacity = 0;
    plan.sample_stride = 0;
  }
  plan.capacity = static_cast<int32_t>(capacity);
  plan.shared_bytes = static_cast<int32_t>(std::max(marks, histograms) + capacity * columns * 4);
  return plan;
}

}  // namespace kvsift::cuda
