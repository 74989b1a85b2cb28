#include "kernels/cuda/bitmap_rows.cuh"
#include "kernels/cuda/general.h"
#include "kernels/cuda/plain_score.cuh"
#include "kernels/cuda/weights.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kMostHeads = 1024;             // that one row sums over
constexpr int64_t kBias = int64_t{1} << 39;  // makes every value positive; sums stay below 2^35
constexpr int kValueBits = 40;
constexpr int kMostGridRows = 65535;

__host__ __device__ int64_t BitmapWords(int64_t visible) { return (visible + 31) / 32; }

struct RowScratch {
  uint64_t* values;  // [visible]
  Marks marks;
};

__device__ RowScratch ScratchOf(const GeneralLaunch& launch, int64_t row) {
  const int64_t words = BitmapWords(launch.most_visible);
  uint8_t* memory = launch.scratch + row * ((launch.most_visible + words) * 8);
  uint32_t* bitmap = reinterpret_cast<uint32_t*>(memory + launch.most_visible * 8);
  return {reinterpret_cast<uint64_t*>(memory),
          Marks{bitmap, bitmap + words, static_cast<int>(words)}};
}

__device__ int QueryWords(const GeneralLaunch& launch) {
  const int planes = launch.estimate == Estimate::kAsymmetricDot ? kMostPlanes : launch.layout.bits;
  return planes * launch.layout.words;
}

// One thread per key: its weighted sum.
__global__ void __launch_bounds__(kThreads) ValueKeys(const GeneralLaunch launch) {
  __shared__ int32_t weights[kMostHeads];
  const GeneralRow row = launch.rows[blockIdx.y];
  if (row.visible <= row.k) return;
  WeighHeads(row.scales, nullptr, 1, row.heads, weights);
  const RowScratch scratch = ScratchOf(launch, blockIdx.y);
  const int words = QueryWords(launch);
  const bool negate = SmallerIsBetter(launch.estimate);
  for (int key = blockIdx.x * kThreads + threadIdx.x; key < row.visible;
       key += gridDim.x * kThreads) {
    const uint8_t* tile = TileAddress(launch.layout, launch.pages, row.table, row.head_offset,
                                      static_cast<uint32_t>(key / kTileKeys));
    int64_t sum = 0;
    for (int h = 0; h < row.heads; ++h) {
      sum += int64_t{weights[h]} * PlainScore(launch.layout, launch.estimate, tile, key % kTileKeys,
                                              row.codes + h * words);
    }
    scratch.values[key] = static_cast<uint64_t>(kBias + (negate ? -sum : sum));
  }
}

// The value of rank `wanted` from above among values [begin, end); `wanted` becomes how many
// equal ones to take.
__device__ uint64_t FindThreshold(const uint64_t* values, int begin, int end, int& wanted) {
  __shared__ uint32_t bins[256];
  __shared__ int chosen;
  __shared__ int rest;
  uint64_t prefix = 0;
  for (int shift = kValueBits - 8; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < 256; i += kThreads) bins[i] = 0;
    __syncthreads();
    for (int i = begin + threadIdx.x; i < end; i += kThreads) {
      if ((values[i] >> (shift + 8)) == prefix) atomicAdd(&bins[(values[i] >> shift) & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int bin = 255;
      int left = wanted;
      while (left > static_cast<int>(bins[bin])) left -= static_cast<int>(bins[bin--]);
      chosen = bin;
      rest = left;
    }
    __syncthreads();
    prefix = prefix << 8 | static_cast<uint64_t>(chosen);
    wanted = rest;
    __syncthreads();
  }
  return prefix;
}

__device__ void WriteRow(const GeneralLaunch& launch, const GeneralRow& row,
                         const RowScratch& scratch, int total) {
  int32_t* positions = launch.positions + row.out;
  if (launch.list_goodness != nullptr) {
    ForTaken(scratch.marks, [&](int place, int position) {
      positions[place] = position;
      launch.list_goodness[row.out + place] =
          static_cast<int32_t>(static_cast<int64_t>(scratch.values[position]) - kBias);
    });
    return;
  }
  ForTaken(scratch.marks, [&](int place, int position) { positions[place] = position; });
  for (int i = total + threadIdx.x; i < row.row_width; i += kThreads) positions[i] = -1;
  if (threadIdx.x == 0) launch.counts[row.count] = total;
}

__global__ void __launch_bounds__(kThreads) RankValues(const GeneralLaunch launch) {
  const GeneralRow row = launch.rows[blockIdx.x];
  const bool list = launch.list_goodness != nullptr;
  if (row.visible <= row.k) {
    if (list) return;
    WriteEverything(launch.positions + row.out, row.visible, row.row_width);
    if (threadIdx.x == 0) launch.counts[row.count] = row.visible;
    return;
  }
  const RowScratch scratch = ScratchOf(launch, blockIdx.x);
  ClearMarks(scratch.marks);
  if (!list) MarkForced(scratch.marks, row.visible, row.sinks, row.window);
  int ties = row.k - row.sinks - row.window;
  if (ties > 0) {
    const int end = row.visible - row.window;
    const uint64_t threshold = FindThreshold(scratch.values, row.sinks, end, ties);
    for (int i = row.sinks + threadIdx.x; i < end; i += kThreads) {
      if (scratch.values[i] > threshold) scratch.marks.Set(scratch.marks.taken, i);
      if (scratch.values[i] == threshold) scratch.marks.Set(scratch.marks.places, i);
    }
  }
  const int total = SettleMarks(scratch.marks, ties);
  WriteRow(launch, row, scratch, total);
  if (launch.bests == nullptr) return;
  for (int i = threadIdx.x; i < row.visible; i += kThreads) {
    atomicMax(&launch.bests[row.best],
              static_cast<int32_t>(static_cast<int64_t>(scratch.values[i]) - kBias));
  }
}

__global__ void __launch_bounds__(kThreads)
    ScorePositions(const ScoreLaunch launch, const ScoreJob* jobs) {
  const ScoreJob job = jobs[blockIdx.y];
  const CodeLayout& layout = launch.layout;
  const int planes = launch.estimate == Estimate::kAsymmetricDot ? kMostPlanes : layout.bits;
  const int group = layout.query_heads / layout.kv_heads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < job.rows * job.row_width; i += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t row = i / job.row_width;
    int32_t& score = launch.scores[job.score + i];
    if (i - row * job.row_width >= launch.counts[job.count + row]) {
      score = 0;
      continue;
    }
    const int kv_head = static_cast<int>(row % layout.query_heads) / group;
    const int position = launch.positions[job.out + i];
    const uint8_t* tile = TileAddress(layout, launch.pages, job.table,
                                      job.layer_offset + kv_head * layout.head_stride,
                                      static_cast<uint32_t>(position / kTileKeys));
    score = PlainScore(layout, launch.estimate, tile, position % kTileKeys,
                       job.codes + row * planes * layout.words);
  }
}

}  // namespace

int64_t GeneralScratchBytes(int64_t most_visible) {
  return (most_visible + BitmapWords(most_visible)) * 8;
}

cudaError_t LaunchGeneral(const GeneralLaunch& launch, cudaStream_t stream) {
  const int64_t blocks = (launch.most_visible + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<unsigned int>(blocks < 1     ? 1
                                            : blocks > 256 ? 256
                                                           : blocks),
                  static_cast<unsigned int>(launch.row_count));
  ValueKeys<<<grid, kThreads, 0, stream>>>(launch);
  RankValues<<<static_cast<unsigned int>(launch.row_count), kThreads, 0, stream>>>(launch);
  return cudaGetLastError();
}

cudaError_t LaunchScores(const ScoreLaunch& launch, cudaStream_t stream) {
  for (int first = 0; first < launch.job_count; first += kMostGridRows) {
    const int jobs = min(launch.job_count - first, kMostGridRows);
    ScorePositions<<<dim3(16, static_cast<unsigned int>(jobs)), kThreads, 0, stream>>>(
        launch, launch.jobs + first);
  }
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
