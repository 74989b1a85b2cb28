// Why per-head lists are enough: kernels/select/group_values.h. A position among the best k of
// the group is among the best k of the head where it attains its value, so its value over the
// lists that hold it is its true value; any other position only looks worse than it is.
#include <climits>

#include "kernels/cuda/bitmap_rows.cuh"
#include "kernels/cuda/merge.h"
#include "kernels/cuda/weights.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kThreads = 512;
constexpr uint32_t kNoPosition = ~0u;

struct RowMemory {
  Marks marks;
  uint32_t* keys;  // [slots]: distinct positions
  int32_t* values;
  int32_t* weights;
};

__device__ RowMemory Divide(const MergeLaunch& launch, uint32_t* memory) {
  RowMemory row;
  row.marks = {memory, memory + launch.bitmap_words, launch.bitmap_words};
  row.keys = memory + 2 * launch.bitmap_words;
  row.values = reinterpret_cast<int32_t*>(row.keys + launch.slots);
  row.weights = row.values + launch.slots;
  return row;
}

// Enters `value` for `position`, keeping the smallest.
__device__ void Enter(const RowMemory& memory, int slots, uint32_t position, int32_t value) {
  uint32_t slot = (position * 2654435761u) & static_cast<uint32_t>(slots - 1);
  for (;;) {
    const uint32_t found = atomicCAS(&memory.keys[slot], kNoPosition, position);
    if (found == kNoPosition || found == position) break;
    slot = (slot + 1) & static_cast<uint32_t>(slots - 1);
  }
  atomicMin(&memory.values[slot], value);
}

// The `wanted`-th smallest of the entered values; `wanted` becomes how many equal ones to take.
__device__ int32_t FindThreshold(const RowMemory& memory, int slots, int& wanted) {
  __shared__ uint32_t bins[256];
  __shared__ int chosen;
  __shared__ int rest;
  uint32_t prefix = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < 256; i += kThreads) bins[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < slots; i += kThreads) {
      if (memory.keys[i] == kNoPosition) continue;
      const uint32_t value = static_cast<uint32_t>(memory.values[i]);
      if (shift < 24 && (value >> (shift + 8)) != prefix) continue;
      atomicAdd(&bins[(value >> shift) & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      uint32_t sum = 0;
      for (int i = 0; i < 8; ++i) sum += bins[threadIdx.x * 8 + i];
      const uint32_t up_to = InclusiveScan(sum);
      const uint32_t reached = __ballot_sync(~0u, up_to >= static_cast<uint32_t>(wanted));
      if (static_cast<int>(threadIdx.x) == __ffs(static_cast<int>(reached)) - 1) {
        int left = wanted - static_cast<int>(up_to - sum);
        int bin = static_cast<int>(threadIdx.x) * 8;
        while (left > static_cast<int>(bins[bin])) left -= static_cast<int>(bins[bin++]);
        chosen = bin;
        rest = left;
      }
    }
    __syncthreads();
    prefix = prefix << 8 | static_cast<uint32_t>(chosen);
    wanted = rest;
    __syncthreads();
  }
  return static_cast<int32_t>(prefix);
}

__device__ void MarkUnion(const MergeLaunch& launch, const MergeRow& row, const Marks& marks,
                          int ranked) {
  for (int i = threadIdx.x; i < row.lists * ranked; i += kThreads) {
    marks.Set(marks.taken, launch.positions[row.first_list + i]);
  }
}

// Marks the best `ranked` positions by value; returns how many of the tied ones count.
__device__ int MarkBest(const MergeLaunch& launch, const MergeRow& row, const RowMemory& memory,
                        int ranked) {
  WeighHeads(row.scales, row.key_scales, row.heads_per_key_scale, row.lists, memory.weights);
  int weighed = 0;
  for (int h = threadIdx.x; h < row.lists; h += kThreads) weighed |= memory.weights[h];
  if (__syncthreads_or(weighed) == 0) {  // every position ties: the most recent ones
    for (int i = threadIdx.x; i < ranked; i += kThreads) {
      memory.marks.Set(memory.marks.taken, row.visible - row.window - 1 - i);
    }
    return 0;
  }
  for (int i = threadIdx.x; i < launch.slots; i += kThreads) {
    memory.keys[i] = kNoPosition;
    memory.values[i] = INT_MAX;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < row.lists * ranked; i += kThreads) {
    const int head = i / ranked;
    const int32_t weight = memory.weights[head];
    if (weight == 0) continue;
    const int32_t behind =
        launch.bests[row.first_best + head] - launch.goodness[row.first_list + i];
    Enter(memory, launch.slots, static_cast<uint32_t>(launch.positions[row.first_list + i]),
          weight * behind);
  }
  __syncthreads();
  int ties = ranked;
  const int32_t threshold = FindThreshold(memory, launch.slots, ties);
  for (int i = threadIdx.x; i < launch.slots; i += kThreads) {
    if (memory.keys[i] == kNoPosition) continue;
    const int position = static_cast<int>(memory.keys[i]);
    if (memory.values[i] < threshold) memory.marks.Set(memory.marks.taken, position);
    if (memory.values[i] == threshold) memory.marks.Set(memory.marks.places, position);
  }
  return ties;
}

__global__ void __launch_bounds__(kThreads) MergeLists(const MergeLaunch launch, int64_t words) {
  extern __shared__ __align__(16) uint32_t shared[];
  const MergeRow row = launch.rows[blockIdx.x];
  int32_t* answer = launch.answers + row.out;
  if (row.visible <= row.k) {
    WriteEverything(answer, row.visible, row.row_width);
    if (threadIdx.x == 0) launch.counts[row.count] = row.visible;
    return;
  }
  const RowMemory memory =
      Divide(launch, launch.scratch == nullptr ? shared : launch.scratch + blockIdx.x * words);
  const int ranked = row.k - row.sinks - row.window;
  ClearMarks(memory.marks);
  MarkForced(memory.marks, row.visible, row.sinks, row.window);
  int ties = 0;
  if (launch.kind == MergeKind::kUnion) {
    MarkUnion(launch, row, memory.marks, ranked);
  } else if (ranked > 0) {
    ties = MarkBest(launch, row, memory, ranked);
  }
  const int total = SettleMarks(memory.marks, ties);
  ForTaken(memory.marks, [&](int place, int position) { answer[place] = position; });
  for (int i = total + threadIdx.x; i < row.row_width; i += kThreads) answer[i] = -1;
  if (threadIdx.x == 0) launch.counts[row.count] = total;
}

}  // namespace

int64_t MergeWords(const MergeLaunch& launch) {
  return int64_t{2} * launch.bitmap_words + int64_t{2} * launch.slots + launch.most_lists;
}

cudaError_t PrepareMerge(int shared_bytes_limit) {
  return cudaFuncSetAttribute(MergeLists, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              shared_bytes_limit);
}

cudaError_t LaunchMerge(const MergeLaunch& launch, cudaStream_t stream) {
  const int64_t words = MergeWords(launch);
  const size_t shared_bytes = launch.scratch == nullptr ? static_cast<size_t>(words) * 4 : 0;
  MergeLists<<<static_cast<unsigned int>(launch.row_count), kThreads, shared_bytes, stream>>>(
      launch, words);
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
