// How a set of units is spread over a device: pure functions of the shape. Plain C++17.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_
#define KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_

#include <algorithm>
#include <cstdint>

namespace kvsift::cuda {

// What is tuned, as data; the defaults were measured on one H100 (PERFORMANCE.md).
struct SelectTuning {
  // The cluster path (cluster_select.cuh).
  int32_t largest_cluster = 16;     // blocks; 1 where clusters do not exist
  int32_t least_block_keys = 1024;  // a block with fewer keys is mostly overhead
  int32_t most_block_keys = 4096;
  int32_t short_keys = 4096;  // where all units are this short, however many there are

  // The scan path (scan_select.cuh).
  int32_t least_slice_keys = 4096;
  int32_t most_slice_keys = 32768;
  int32_t sampled_tiles = 256;  // two keys each
  // Where all columns together want as many keys of a slice, twice the tiles are sampled: a closer
  // guess leaves fewer candidates.
  int32_t dear_candidates = 512;
  int32_t least_capacity = 256;        // candidates per slice and column
  int32_t blocks_per_processor = 2;    // that run at the same time
  int32_t finishes_per_processor = 1;  // blocks of the second kernel

  int64_t longest_row = 1 << 24;  // longer ones take the general path (general.cu)
};

// What the plan is made for.
struct SelectDevice {
  int32_t processors = 1;
  int32_t shared_bytes = 48 * 1024;  // a block may use, less what the kernel declares itself
};

// What all units of a launch together are.
struct SelectBatch {
  int64_t keys = 0;          // summed over units
  int64_t longest_keys = 0;  // of any unit
};

enum class SelectPath { kCluster, kScan };

struct UnitPlan {
  SelectPath path = SelectPath::kCluster;
  int32_t parts = 1;  // blocks of the cluster, or slices
};

// Whether units of several slices are finished by a second kernel: where their `columns` are few,
// and no unit of one slice is scanned meanwhile.
bool FinishApart(const SelectTuning& tuning, const SelectDevice& device, int64_t columns,
                 bool all_have_several_slices);

// A block of the scan path names keys with 16 bits.
inline constexpr int64_t kMostSliceKeys = 65536;

// The path of a unit of `keys` keys.
UnitPlan PlanUnit(const SelectTuning& tuning, const SelectDevice& device, int64_t keys,
                  const SelectBatch& batch);

// How the scan path treats a unit of `tiles` tiles that ranks at most `ranked` keys of each of
// `columns` columns.
struct CandidatePlan {
  int32_t sample_stride = 0;  // every how many tiles the guess looks at two keys; 0: no guess
  int32_t capacity = 0;       // candidates per slice and column
};
CandidatePlan PlanCandidates(const SelectTuning& tuning, int64_t tiles, int64_t ranked, int columns,
                             int slices);

// One launch.
struct SelectPlan {
  int32_t blocks = 1;          // cluster path: of a cluster
  int32_t threads = 0;         // cluster path: of a block
  int32_t columns = 1;         // the most of any unit
  int32_t block_keys = 0;      // cluster path: the most of any block, a multiple of 32
  int32_t capacity = 0;        // scan path: candidates per slice and column
  int32_t shared_bytes = 0;    // of a block
  int32_t finish_bytes = 0;    // scan path: of a block of the second kernel
  int32_t goodness_limit = 0;  // magnitude that no goodness exceeds
};

// Threads of a block of the cluster path: one with many keys has more to hide, one with few more
// to wait for.
inline constexpr int kFewClusterThreads = 256;
inline constexpr int kMostClusterThreads = 512;
inline constexpr int kFewClusterKeys = 512;

inline constexpr int kHistogramBins = 1024;
inline constexpr int32_t kHistogramBytes = kHistogramBins * 4;

// Keys of the largest block when a unit of `keys` keys is split into `parts`.
int64_t PartKeys(int64_t keys, int parts);

SelectPlan PlanClusterLaunch(int blocks, int columns, int64_t most_keys, int goodness_limit);
SelectPlan PlanScanLaunch(int columns, int64_t most_keys, int capacity, int goodness_limit);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_PLAN_H_
