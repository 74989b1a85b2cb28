#include "kernels/cuda/select_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/cuda/code_layout.h"

namespace kvsift::cuda {
namespace {

constexpr int64_t kSampledKeysPerTile = 2;
constexpr int32_t kKeptBytesPerKey = 16;        // cluster path: 8 columns, 16 bits each
constexpr int32_t kMostFinishBytes = 64 << 10;  // lets two blocks share a processor

int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Whether all units together fit on the device as blocks of the cluster path, at once.
bool FitsAtOnce(const SelectDevice& device, const SelectBatch& batch, int64_t most_block_keys) {
  return batch.keys <= device.processors * most_block_keys;
}

// Keys that pass a guessed threshold, in the mean: the guess aims at five standard deviations
// beyond the wanted rank (select_search.cuh).
int64_t ExpectedCandidates(int64_t ranked, int64_t stride) {
  const double fraction =
      static_cast<double>(kSampledKeysPerTile) / static_cast<double>(kTileKeys * stride);
  const double mean = static_cast<double>(ranked) * fraction;
  return static_cast<int64_t>((mean + 5 * std::sqrt(mean) + 5) / fraction);
}

}  // namespace

int64_t PartKeys(int64_t keys, int parts) {
  const auto tiles = static_cast<int>((keys + kTileKeys - 1) / kTileKeys);
  return int64_t{PartTiles(tiles, parts)} * kTileKeys;
}

UnitPlan PlanUnit(const SelectTuning& tuning, const SelectDevice& device, int64_t keys,
                  const SelectBatch& batch) {
  const int64_t most_block_keys = tuning.most_block_keys;
  if (FitsAtOnce(device, batch, most_block_keys) || batch.longest_keys <= tuning.short_keys) {
    const int64_t block_keys = std::clamp<int64_t>(
        batch.keys / device.processors, std::min<int64_t>(tuning.least_block_keys, most_block_keys),
        most_block_keys);
    // An eighth more is allowed: larger blocks cost less than twice as many.
    int cluster = 1;
    while (cluster < tuning.largest_cluster && cluster * block_keys * 9 / 8 < keys) cluster *= 2;
    if (PartKeys(keys, cluster) <= most_block_keys) return {SelectPath::kCluster, cluster};
  }
  const int64_t blocks = int64_t{device.processors} * std::max(1, tuning.blocks_per_processor);
  const int64_t slice_keys =
      std::clamp<int64_t>(batch.keys / blocks, tuning.least_slice_keys, tuning.most_slice_keys);
  int64_t slices = std::max<int64_t>(1, (keys + slice_keys / 4) / slice_keys);
  while (PartKeys(keys, static_cast<int>(slices)) > kMostSliceKeys) ++slices;
  return {SelectPath::kScan, static_cast<int32_t>(slices)};
}

CandidatePlan PlanCandidates(const SelectTuning& tuning, int64_t tiles, int64_t ranked, int columns,
                             int slices) {
  const int64_t slice_keys = PartKeys(tiles * kTileKeys, slices);
  const bool dear = ranked * columns >= int64_t{slices} * tuning.dear_candidates;
  const int64_t sampled = dear ? 2 * tuning.sampled_tiles : tuning.sampled_tiles;
  const int64_t stride = std::max<int64_t>(1, tiles / sampled);
  const int64_t expected = ExpectedCandidates(ranked, stride);
  if (2 * expected >= tiles * kTileKeys) return {0, static_cast<int32_t>(slice_keys)};
  // All of them may lie in one slice, and chance and equal values may make them more than twice as
  // many.
  const int64_t capacity = std::max<int64_t>(tuning.least_capacity, 3 * expected);
  return {static_cast<int32_t>(stride), static_cast<int32_t>(std::min(capacity, slice_keys))};
}

bool FinishApart(const SelectTuning& tuning, const SelectDevice& device, int64_t columns,
                 bool all_have_several_slices) {
  return all_have_several_slices &&
         columns <= int64_t{device.processors} * tuning.finishes_per_processor;
}

SelectPlan PlanClusterLaunch(int blocks, int columns, int64_t most_keys, int goodness_limit) {
  SelectPlan plan;
  plan.blocks = blocks;
  plan.columns = columns;
  plan.goodness_limit = goodness_limit;
  plan.block_keys = static_cast<int32_t>(PartKeys(most_keys, blocks));
  plan.threads = plan.block_keys <= kFewClusterKeys ? kFewClusterThreads : kMostClusterThreads;
  const int32_t bitmaps = plan.block_keys / 32 * 4 * 2;
  plan.shared_bytes = columns * (kHistogramBytes + bitmaps) + plan.block_keys * kKeptBytesPerKey;
  return plan;
}

SelectPlan PlanScanLaunch(int columns, int64_t most_keys, int capacity, int goodness_limit) {
  SelectPlan plan;
  plan.columns = columns;
  plan.capacity = capacity;
  plan.goodness_limit = goodness_limit;
  const int64_t bitmaps = (most_keys + 31) / 32 * 4 * 2;
  plan.finish_bytes = static_cast<int32_t>(
      RoundUp(std::clamp<int64_t>(bitmaps, kHistogramBytes, kMostFinishBytes), 16));
  // A power of two, because warps are divided among columns so (rank_column.cuh).
  const int groups = static_cast<int>(std::bit_ceil(static_cast<unsigned>(columns)));
  plan.shared_bytes =
      std::max(groups * kHistogramBytes, std::min(groups * plan.finish_bytes, kMostFinishBytes));
  return plan;
}

}  // namespace kvsift::cuda
