// Launches of the kernels that score every key of a row and keep its best positions. Plain C++17.
//
// Words of this folder: a *column* is one (query token, query head), the unit of ranking. A *unit*
// is up to 8 columns that read the same keys, because a matrix instruction scores 8 at a time.
// Scores inside the kernels are *goodness*: any strictly increasing function of how good the
// estimator's score is, the same for every key of a column; larger is better. Goodness fits in 16
// bits.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_H_
#define KVSIFT_KERNELS_CUDA_SELECT_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select_plan.h"

namespace kvsift::cuda {

inline constexpr int kUnitColumns = 8;

// How codes are compared; values as in kvsift::Estimator.
enum class Estimate : int { kManhattan, kSquaredEuclidean, kDot, kAsymmetricDot };

// One column and where its list goes.
struct SelectColumn {
  const uint32_t* code;  // the query's, wire layout
  int64_t out;           // index of the list's first element in `positions`
  int64_t count;         // index in `counts`
  int32_t visible;
  int32_t k;
  int32_t sinks;
  int32_t window;
  int32_t row_width;  // elements to fill
  int32_t best;       // index in `bests`, or -1
};

// Columns over the same keys. Tiles [first_tile, end_tile) hold every position that some column
// ranks, and every visible one where bests are wanted.
struct SelectUnit {
  const uint64_t* table;
  int64_t head_offset;
  int32_t first_tile;
  int32_t end_tile;
  int32_t first_column;
  int32_t columns;
  // Of the scan path: slices [first_slice, first_slice + slices) are this unit's, and the guess
  // looks at two keys of every sample_stride-th tile; 0: every ranked key is a candidate.
  int32_t first_slice;
  int32_t slices;
  int32_t sample_stride;
};

// A slice of a unit of the scan path, or a column of one that has several slices.
struct UnitPart {
  int32_t unit;
  int32_t part;
};

// A slice and all that its block needs to know of the unit, at once.
struct UnitSlice {
  SelectUnit unit;
  UnitPart slice;
};

// The units of a small launch, which travel with it: a block that is told where to look by the
// launch itself saves two trips to device memory, and has read this before the kernel ahead of it
// has ended.
struct FewUnits {
  static constexpr int kMostUnits = 32;
  static constexpr int kMostColumns = 64;
  static constexpr int kMostCodeWords = 1024;

  SelectUnit units[kMostUnits];
  SelectColumn columns[kMostColumns];
  uint32_t codes[kMostCodeWords];
};

// What a slice leaves behind for the ranking of its unit, by column.
struct SliceOutcome {
  int32_t stored[kUnitColumns];  // candidates, also those beyond the room for them
  int32_t guess[kUnitColumns];   // least goodness of a candidate
  int32_t best[kUnitColumns];    // largest goodness of a forced position
};

struct SelectLaunch {
  CodeLayout layout;
  Estimate estimate;
  const uint8_t* pages;
  const SelectUnit* units;
  const SelectColumn* columns;
  int unit_count;
  bool few;        // the units and columns are in `here`
  int code_words;  // of a column, whose codes are in `here` as well, column by column; 0: not there
  SelectPlan plan;

  // Answers: [.., row_width] positions, ascending, forced ones included, -1 after the count.
  // Lists (list_goodness is not null): only the ranked positions of columns with visible > k,
  // their goodness beside them, and in `bests` the largest goodness of the visible positions
  // (the maximum with what is there before).
  int32_t* positions;
  int32_t* counts;
  int32_t* list_goodness;
  int32_t* bests;

  // Of the scan path.
  const UnitSlice* slices;
  int slice_count;
  const UnitPart* finishes;
  int finish_count;
  uint32_t* candidates;    // [slices, plan.columns, plan.capacity], fewer than 2^31
  SliceOutcome* outcomes;  // [slices]
  int* tickets;            // [units], 0; null: units of several slices are finished apart

  FewUnits here;
};

// Sets attributes of every kernel of this file for the current device; once per device.
cudaError_t PrepareSelect(int shared_bytes_limit);

// Ranks `unit_count` units, each in one cluster of plan.blocks blocks (cluster_select.cuh).
cudaError_t LaunchClusterSelect(const SelectLaunch& launch, cudaStream_t stream);

// Scans the slices and finishes their units (scan_select.cuh).
cudaError_t LaunchScanSelect(const SelectLaunch& launch, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_H_
