// Launch of the kernel that joins lists of single heads to one list. Plain C++17.
#ifndef KVSIFT_KERNELS_CUDA_MERGE_H_
#define KVSIFT_KERNELS_CUDA_MERGE_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/crossing.h"

namespace kvsift::cuda {

// How lists become one (kernels/select/policy.h).
enum class MergeKind : int { kUnion, kMax };

// One answer row made of `lists` lists of k - sinks - window ranked positions each, end to end
// from `first_list`, in the order of the heads.
struct MergeRow {
  const float* scales;      // of the heads' queries [lists], or null: every head weighs 1
  const float* key_scales;  // [lists / heads_per_key_scale], or null
  int64_t first_list;       // index in `positions` and `goodness`
  int64_t out;              // index in `answers`
  int64_t count;            // index in `counts`
  int32_t first_best;       // index in `bests`
  int32_t lists;
  int32_t heads_per_key_scale;
  int32_t visible;
  int32_t k;
  int32_t sinks;
  int32_t window;
  int32_t row_width;
};

struct MergeLaunch {
  MergeKind kind;
  const MergeRow* rows;
  int row_count;
  const int32_t* positions;  // of the lists
  const int32_t* goodness;
  const int32_t* bests;
  int32_t* answers;
  int32_t* counts;
  int32_t most_lists;
  int32_t bitmap_words;  // for the longest visible row
  int32_t slots;         // twice the most entries of a row, or more; kMax only
  uint32_t* scratch;     // [row_count, MergeWords], or null: shared memory is enough
  HostFlag flag;         // raised at the end; `answers` and `counts` may be in host memory
};

// 32-bit words that a row works in.
int64_t MergeWords(const MergeLaunch& launch);

cudaError_t PrepareMerge(int shared_bytes_limit);
cudaError_t LaunchMerge(const MergeLaunch& launch, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_MERGE_H_
