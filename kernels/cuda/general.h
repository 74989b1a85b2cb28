// Launch of the general selection: any row length, and sums over heads. It writes every value to
// scratch memory and reads it back several times: correct everywhere, tuned nowhere. Plain C++17.
#ifndef KVSIFT_KERNELS_CUDA_GENERAL_H_
#define KVSIFT_KERNELS_CUDA_GENERAL_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select.h"

namespace kvsift::cuda {

// A row ranked by the weighted sum of its heads' goodness, larger first.
struct GeneralRow {
  const uint64_t* table;
  const uint32_t* codes;  // of the heads' queries, end to end
  const float* scales;    // [heads], or null: every head weighs 1
  int64_t head_offset;
  int64_t out;    // index in `positions`
  int64_t count;  // index in `counts`
  int32_t heads;
  int32_t visible;
  int32_t k;
  int32_t sinks;
  int32_t window;
  int32_t row_width;
  int32_t best;  // index in `bests`; lists only
};

struct GeneralLaunch {
  CodeLayout layout;
  Estimate estimate;
  const uint8_t* pages;
  const GeneralRow* rows;
  int row_count;
  int64_t most_visible;
  uint8_t* scratch;  // [row_count, GeneralScratchBytes(most_visible)]
  // As in SelectLaunch; rows of lists have one head and no scales.
  int32_t* positions;
  int32_t* counts;
  int32_t* list_goodness;
  int32_t* bests;
};

int64_t GeneralScratchBytes(int64_t most_visible);

cudaError_t LaunchGeneral(const GeneralLaunch& launch, cudaStream_t stream);

// Scores of positions that were selected. One job per selection.
struct ScoreJob {
  const uint64_t* table;
  const uint32_t* codes;  // [rows, query code words]
  int64_t layer_offset;
  int64_t rows;  // (token, query head)
  int64_t row_width;
  int64_t out;    // index in `positions` [rows, row_width]
  int64_t count;  // index in `counts` [rows]
  int64_t score;  // index in `scores` [rows, row_width], which get 0 after the count
};
struct ScoreLaunch {
  CodeLayout layout;
  Estimate estimate;
  const uint8_t* pages;
  const ScoreJob* jobs;
  int job_count;
  const int32_t* positions;
  const int32_t* counts;
  int32_t* scores;
};
cudaError_t LaunchScores(const ScoreLaunch& launch, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_GENERAL_H_
