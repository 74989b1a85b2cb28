// How a set of rows is spread over a device: a pure function of the shape. Plain C++17.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_
#define KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_

#include <algorithm>
#include <cstdint>

namespace kvsift::cuda {

// What is tuned, as data; the defaults were measured on one H200 (PERFORMANCE.md).
struct SelectTuning {
  int32_t least_block_keys = 1024;   // a block with fewer keys is mostly overhead
  int32_t most_block_keys = 16384;   // more make the last wave of blocks long
  int32_t all_keys = 1024;           // blocks up to this size rank every key, without a guess
  int32_t least_capacity = 1024;     // candidates per block and column
  int32_t largest_cluster = 16;      // blocks that share a row; 1 where clusters do not exist
  int64_t longest_row = 1 << 20;     // longer ones take the general path (general.cu)
  int32_t blocks_per_processor = 2;  // that run at the same time
};

// What the plan is made for.
struct SelectDevice {
  int32_t processors = 1;
  int32_t shared_bytes = 48 * 1024;  // a block may use, less what the kernel declares itself
};

// Longest row the kernel takes: a block keeps positions in 16 bits.
inline constexpr int64_t kMostBlockKeys = 65536;
inline int64_t LongestRow(const SelectTuning& tuning) {
  return std::min(tuning.longest_row, tuning.largest_cluster * kMostBlockKeys);
}

// Blocks per row for a row of `keys` keys in a batch that has `total_keys` of them.
int ClusterFor(const SelectTuning& tuning, const SelectDevice& device, int64_t keys,
               int64_t total_keys);

// One launch: rows that share a cluster size.
struct SelectPlan {
  int32_t cluster = 1;
  int32_t columns = 1;        // the most of any unit
  int32_t block_words = 0;    // of a bitmap over a block's keys
  int32_t capacity = 0;       // candidates per block and column; 0: rank without candidates
  int32_t sample_stride = 0;  // every how many tiles the guess looks at two keys; 0: no guess
  int32_t shared_bytes = 0;
  int32_t goodness_limit = 0;  // magnitude that no goodness exceeds
  int32_t goodness_shift = 0;  // so that (goodness + limit) >> shift is a histogram bin
};

// `most_keys`, `most_ranked`: the largest of any row of the launch.
SelectPlan PlanSelect(const SelectTuning& tuning, const SelectDevice& device, int cluster,
                      int columns, int64_t most_keys, int64_t most_ranked, int goodness_limit);

inline constexpr int kHistogramBins = 1024;

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_
