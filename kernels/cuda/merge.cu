// Joins per-head lists of a row to one list, a block to a row.
//
// Why per-head lists are enough: kernels/select/group_values.h. A position among the best k of
// the group is among the best k of the head where it attains its value, so its value over the
// lists that hold it is its true value; any other position only looks worse than it is.
//
// Listed positions are marked in a bitmap. Counts of the marks before each word number them from
// 0 on, in ascending order: values lie densely under these numbers, and what is taken comes out
// in the order of the answer.
#include <climits>

#include "kernels/cuda/crossing.cuh"
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/merge.h"
#include "kernels/cuda/merge_threshold.cuh"
#include "kernels/cuda/weights.cuh"

namespace kvsift::cuda {
namespace {

struct RowMemory {
  uint32_t* listed;    // [bitmap_words]: positions that a list holds
  uint32_t* before;    // [bitmap_words]: how many are listed before the word
  int32_t* values;     // [slots / 2], by number
  int32_t* positions;  // [slots / 2], by number
  int32_t* weights;    // [most_lists]

  __device__ __forceinline__ int NumberOf(int position) const {
    const uint32_t lower = (1u << (position & 31)) - 1;
    return static_cast<int>(before[position >> 5]) + __popc(listed[position >> 5] & lower);
  }
};

__device__ __forceinline__ RowMemory Divide(const MergeLaunch& launch, uint32_t* memory) {
  RowMemory row;
  row.listed = memory;
  row.before = row.listed + launch.bitmap_words;
  row.values = reinterpret_cast<int32_t*>(row.before + launch.bitmap_words);
  row.positions = row.values + launch.slots / 2;
  row.weights = row.positions + launch.slots / 2;
  return row;
}

constexpr int kLaneEntries = 4;  // that a lane has in flight

// Calls visit(head, index of the head's list, first entry of the lane) for pieces of the lists, of
// which a warp has one at a time; the lane's further entries follow at distances of 32.
template <class Visit>
__device__ __forceinline__ void ForPieces(const MergeRow& row, int ranked, Visit visit) {
  constexpr int kEntries = 32 * kLaneEntries;
  const int pieces = (ranked + kEntries - 1) / kEntries;
#pragma unroll 1
  for (int i = WarpOfBlock(); i < row.lists * pieces; i += kMergeWarps) {
    const int head = i / pieces;
    visit(head, row.first_list + static_cast<int64_t>(head) * ranked,
          (i - head * pieces) * kEntries + LaneOfWarp());
  }
}

// A lane's entries of a piece of `list` [ranked]; -1 beyond its end.
__device__ __forceinline__ void LoadPiece(const int32_t* list, int first, int ranked,
                                          int (&entries)[kLaneEntries]) {
#pragma unroll
  for (int i = 0; i < kLaneEntries; ++i) {
    entries[i] = first + 32 * i < ranked ? __ldg(list + first + 32 * i) : -1;
  }
}

// Marks what the lists hold of heads that take part.
template <class TakesPart>
__device__ __forceinline__ void MarkListed(const MergeLaunch& launch, const MergeRow& row,
                                           const RowMemory& memory, int ranked,
                                           TakesPart takes_part) {
  ForPieces(row, ranked, [&](int head, int64_t list, int first) {
    if (!takes_part(head)) return;
    int positions[kLaneEntries];
    LoadPiece(launch.positions + list, first, ranked, positions);
#pragma unroll
    for (const int position : positions) {
      if (position >= 0) atomicOr(&memory.listed[position >> 5], 1u << (position & 31));
    }
  });
  __syncthreads();
}

// Numbers the marked positions; returns how many there are.
__device__ int NumberListed(const RowMemory& memory, int visible) {
  const int words = (visible + 31) / 32;
  const int share = (words + kMergeThreads - 1) / kMergeThreads * 32;  // of a warp
  const int begin = WarpOfBlock() * share;
  const int end = min(begin + share, words);
  uint32_t own = 0;
  for (int i = begin + LaneOfWarp(); i < end; i += 32) own += __popc(memory.listed[i]);
  const WarpSums sums = SumWarps<1>(__reduce_add_sync(~0u, own));
  uint32_t before = sums.before;
#pragma unroll 1
  for (int first = begin; first < end; first += 32) {
    const int i = first + LaneOfWarp();
    const uint32_t marks = i < end ? __popc(memory.listed[i]) : 0;
    const uint32_t up_to = InclusiveScan(marks);
    if (i < end) memory.before[i] = before + up_to - marks;
    before += __shfl_sync(~0u, up_to, 31);
  }
  __syncthreads();
  return static_cast<int>(sums.all);
}

// Fills `values` with the least value that a list gives each listed position, and `positions`;
// returns a bound of the values.
__device__ uint32_t EnterValues(const MergeLaunch& launch, const MergeRow& row,
                                const RowMemory& memory, int ranked) {
  __shared__ int bound;
  if (threadIdx.x == 0) bound = 0;
  __syncthreads();
  int largest = 0;
  ForPieces(row, ranked, [&](int head, int64_t list, int first) {
    const int32_t weight = memory.weights[head];
    if (weight == 0) return;
    const int32_t best = __ldg(launch.bests + row.first_best + head);
    int positions[kLaneEntries];
    int goodness[kLaneEntries];
    LoadPiece(launch.positions + list, first, ranked, positions);
    LoadPiece(launch.goodness + list, first, ranked, goodness);
#pragma unroll
    for (int i = 0; i < kLaneEntries; ++i) {
      if (positions[i] < 0) continue;
      const int32_t value = weight * (best - goodness[i]);
      const int number = memory.NumberOf(positions[i]);
      memory.positions[number] = positions[i];  // the same from every list
      atomicMin(&memory.values[number], value);
      largest = max(largest, value);
    }
  });
  largest = __reduce_max_sync(~0u, largest);
  if (LaneOfWarp() == 0) atomicMax(&bound, largest);
  __syncthreads();
  return static_cast<uint32_t>(bound);
}

// Writes the positions that the threshold takes, in the order of their numbers [count].
__device__ void WriteTaken(const RowMemory& memory, int count, const MergeThreshold& threshold,
                           int32_t* answer) {
  const int share = (count + kMergeThreads - 1) / kMergeThreads * 32;  // of a warp
  const int begin = WarpOfBlock() * share;
  const int end = min(begin + share, count);
  uint32_t own_better = 0;
  uint32_t own_tied = 0;
  for (int i = begin + LaneOfWarp(); i < end; i += 32) {
    own_better += static_cast<uint32_t>(memory.values[i]) < threshold.value;
    own_tied += static_cast<uint32_t>(memory.values[i]) == threshold.value;
  }
  uint32_t better = SumWarps<2>(__reduce_add_sync(~0u, own_better)).before;
  const WarpSums sums = SumWarps<3>(__reduce_add_sync(~0u, own_tied));
  uint32_t tied = sums.before;
  // Positions ascend with their numbers: the ties that are not taken are the first ones.
  const uint32_t dropped = sums.all - min(sums.all, threshold.ties);
  const uint32_t lower = (1u << LaneOfWarp()) - 1;
#pragma unroll 1
  for (int first = begin; first < end; first += 32) {
    const int i = first + LaneOfWarp();
    const uint32_t value = i < end ? static_cast<uint32_t>(memory.values[i]) : ~0u;
    const uint32_t betters = __ballot_sync(~0u, value < threshold.value);
    const uint32_t ties = __ballot_sync(~0u, value == threshold.value);
    const uint32_t ties_before = tied + __popc(ties & lower);
    if (value < threshold.value || (value == threshold.value && ties_before >= dropped)) {
      const uint32_t kept = ties_before - min(ties_before, dropped);
      answer[better + __popc(betters & lower) + kept] = memory.positions[i];
    }
    better += __popc(betters);
    tied += __popc(ties);
  }
}

// Writes the best `ranked` positions by value.
__device__ void WriteBest(const MergeLaunch& launch, const MergeRow& row, const RowMemory& memory,
                          int ranked, int32_t* answer) {
#pragma unroll 4
  for (int i = threadIdx.x; i < row.lists * ranked; i += kMergeThreads) memory.values[i] = INT_MAX;
  WeighHeads(row.scales, row.key_scales, row.heads_per_key_scale, row.lists, memory.weights);
  MarkListed(launch, row, memory, ranked, [&](int head) { return memory.weights[head] != 0; });
  const int count = NumberListed(memory, row.visible);
  if (count == 0) {  // no head takes part, every position ties: the most recent ones
#pragma unroll 1
    for (int i = threadIdx.x; i < ranked; i += kMergeThreads) {
      answer[i] = row.visible - row.window - ranked + i;
    }
    return;
  }
  const uint32_t bound = EnterValues(launch, row, memory, ranked);
  WriteTaken(memory, count,
             ThresholdSearch::Find(memory.values, count, static_cast<uint32_t>(ranked), bound),
             answer);
}

// Writes every position that a list holds; returns how many there are.
__device__ int WriteUnion(const MergeLaunch& launch, const MergeRow& row, const RowMemory& memory,
                          int ranked, int32_t* answer) {
  __syncthreads();
  MarkListed(launch, row, memory, ranked, [](int) { return true; });
  const int count = NumberListed(memory, row.visible);
  ForPieces(row, ranked, [&](int, int64_t list, int first) {
    int positions[kLaneEntries];
    LoadPiece(launch.positions + list, first, ranked, positions);
#pragma unroll
    for (const int position : positions) {  // the same place from every list that holds it
      if (position >= 0) answer[memory.NumberOf(position)] = position;
    }
  });
  return count;
}

// Ranked positions lie between the forced ones, so each of the three parts has its place.
__device__ __forceinline__ void WriteRow(const MergeLaunch& launch, const MergeRow& row,
                                         const RowMemory& memory) {
  int32_t* answer = launch.answers + row.out;
  if (row.visible <= row.k) {
    WriteEverything(answer, row.visible, row.row_width);
    if (threadIdx.x == 0) launch.counts[row.count] = row.visible;
    return;
  }
  for (int i = threadIdx.x; i < launch.bitmap_words; i += kMergeThreads) memory.listed[i] = 0;
  int taken = row.k - row.sinks - row.window;
  if (launch.kind == MergeKind::kUnion) {
    taken = WriteUnion(launch, row, memory, taken, answer + row.sinks);
  } else if (taken > 0) {
    WriteBest(launch, row, memory, taken, answer + row.sinks);
  }
  const int total = row.sinks + taken + row.window;
#pragma unroll 1
  for (int i = threadIdx.x; i < row.sinks; i += kMergeThreads) answer[i] = i;
#pragma unroll 1
  for (int i = threadIdx.x; i < row.window; i += kMergeThreads) {
    answer[row.sinks + taken + i] = row.visible - row.window + i;
  }
#pragma unroll 1
  for (int i = total + threadIdx.x; i < row.row_width; i += kMergeThreads) answer[i] = -1;
  if (threadIdx.x == 0) launch.counts[row.count] = total;
}

template <bool kScratch>
__global__ void __launch_bounds__(kMergeThreads)
    MergeLists(const __grid_constant__ MergeLaunch launch, int64_t words) {
  extern __shared__ __align__(16) uint32_t shared[];
  AllowDependents();
  WaitForPrevious();
  const MergeRow row = launch.rows[blockIdx.x];
  uint32_t* scratch = launch.scratch + blockIdx.x * words;
  WriteRow(launch, row, Divide(launch, kScratch ? scratch : shared));
  if (launch.flag.value != nullptr) RaiseAfterAll(launch.flag);
}

}  // namespace

int64_t MergeWords(const MergeLaunch& launch) {
  return int64_t{2} * launch.bitmap_words + launch.slots + launch.most_lists;
}

cudaError_t PrepareMerge(int shared_bytes_limit) {
  return cudaFuncSetAttribute(MergeLists<false>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              shared_bytes_limit);
}

cudaError_t LaunchMerge(const MergeLaunch& launch, cudaStream_t stream) {
  const int64_t words = MergeWords(launch);
  const bool fits = launch.scratch == nullptr;
  cudaLaunchAttribute attribute = BeginsEarly();
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned int>(launch.row_count));
  config.blockDim = dim3(kMergeThreads);
  config.dynamicSmemBytes = fits ? static_cast<size_t>(words) * 4 : 0;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, fits ? MergeLists<false> : MergeLists<true>, launch, words);
}

}  // namespace kvsift::cuda
