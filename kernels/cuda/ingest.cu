#include "kernels/cuda/crossing.cuh"
#include "kernels/cuda/cut.cuh"
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/jobs.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

__global__ void EditTables(const TableEditJob* jobs) {
  const TableEditJob job = jobs[blockIdx.x];
  for (int64_t i = threadIdx.x; i < job.count; i += blockDim.x) {
    job.table[job.first + i] = job.pages[i];
  }
}

__global__ void CopyPages(const PageCopyJob* jobs, uint8_t* pages) {
  const PageCopyJob job = jobs[blockIdx.x];
  const uint4* from = reinterpret_cast<const uint4*>(pages + job.from);
  uint4* to = reinterpret_cast<uint4*>(pages + job.to);
  const int64_t step = static_cast<int64_t>(gridDim.y) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x; i < job.bytes / 16;
       i += step) {
    to[i] = from[i];
  }
}

// What one warp handles: the keys of a job inside one tile of one kv head.
struct TileItem {
  uint32_t* tile;
  int first_token;  // of the tile in the job's data; negative where the job starts inside it
  int begin;        // keys [begin, end) of the tile belong to the job
  int end;
  int kv_head;

  __device__ __forceinline__ bool Full() const { return begin == 0 && end == kTileKeys; }
};

// REQUIRES: positions are below 2^31 and the job has fewer than 2^32 items: 64-bit divisions and
// comparisons would cost as much as rotating a key.
__device__ __forceinline__ TileItem LocateItem(const CodeLayout& layout, const KeyJob& job,
                                               int64_t item, const uint8_t* pages) {
  const uint32_t start = static_cast<uint32_t>(job.start);
  const uint32_t inside = static_cast<uint32_t>(item - job.first_item);
  const uint32_t tile_of_job = inside / static_cast<uint32_t>(layout.kv_heads);
  const uint32_t tile = start / kTileKeys + tile_of_job;
  TileItem where;
  where.kv_head = static_cast<int>(inside - tile_of_job * layout.kv_heads);
  where.first_token = static_cast<int>(tile * kTileKeys - start);
  where.begin = max(-where.first_token, 0);
  where.end = min(static_cast<int>(job.count) - where.first_token, kTileKeys);
  where.tile = reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(TileAddress(
      layout, pages, job.table, job.layer_offset + where.kv_head * layout.head_stride, tile)));
  return where;
}

// The job's data of key 0 of the tile, of which `vector_bytes` belong to one kv head. Keys before
// `begin` may lie before the data.
__device__ __forceinline__ uint8_t* DataOf(const CodeLayout& layout, const KeyJob& job,
                                           const TileItem& where, int vector_bytes) {
  return job.data + static_cast<int64_t>(where.first_token) * (layout.kv_heads * vector_bytes) +
         where.kv_head * vector_bytes;
}

// `store` with what a kernel knows as constants, which make the places of words constants too.
template <int kWords, int kBits>
__device__ __forceinline__ CodeLayout Narrow(CodeLayout store) {
  store.order = OrderFor(kWords * 32, kBits);
  store.bits = kBits;
  store.words = kWords;
  return store;
}

// Calls copy(word of the wire code, word of the tile) for keys [begin, end), word by word.
template <int kWords, int kBits, class Copy>
__device__ __forceinline__ void ForWords(const CodeLayout& layout, const TileItem& where,
                                         Copy copy) {
  constexpr int kCode = kBits * kWords;
#pragma unroll 1
  for (int i = where.begin * kCode + (threadIdx.x & 31); i < where.end * kCode; i += 32) {
    const int key = i / kCode;
    const int inside = i % kCode;
    copy(key, inside, TileWord(layout, key, inside / kWords, inside % kWords));
  }
}

// Word `word` of a full tile, for four at a time: which word of which key's wire code it is.
template <int kWords, int kBits>
__device__ __forceinline__ int2 WireWord(int word) {
  constexpr int kCode = kBits * kWords;
  const int lane = word / 4 % 32;  // of the fragment orders (code_layout.h)
  switch (OrderFor(kWords * 32, kBits)) {
    case TileOrder::kFragment128:
      return {lane / 4 + word % 2 * 8, word / 2 % 2 * kWords + word / 128 * 4 + lane % 4};
    case TileOrder::kFragment64:
      return {word / 8 + word % 2 * 8, word / 2 % 4};
    case TileOrder::kPlain:
      break;
  }
  return {word / kCode, word % kCode};
}

// Moves every code word of the item between wire order and the tile. Threads own 16 bytes of a
// tile: its side of the copy is coalesced, and a warp's pieces of the other side make up whole
// sectors.
template <bool kToTile, int kWords, int kBits>
__device__ void MoveCodes(const CodeLayout& store, const KeyJob& job, const TileItem& where) {
  constexpr int kCode = kBits * kWords;
  const CodeLayout layout = Narrow<kWords, kBits>(store);
  uint32_t* wire = reinterpret_cast<uint32_t*>(DataOf(layout, job, where, kCode * 4));
  const int stride = layout.kv_heads * kCode;
  if (!where.Full()) {
    ForWords<kWords, kBits>(layout, where, [&](int key, int inside, int word) {
      uint32_t& sent = wire[key * stride + inside];
      (kToTile ? where.tile[word] : sent) = kToTile ? sent : where.tile[word];
    });
    return;
  }
  uint4* tile = reinterpret_cast<uint4*>(where.tile);
#pragma unroll
  for (int i = threadIdx.x & 31; i < kTileKeys * kCode / 4; i += 32) {
    uint32_t* sent[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int2 place = WireWord<kWords, kBits>(i * 4 + j);
      sent[j] = wire + place.x * stride + place.y;
    }
    if constexpr (kToTile) {
      tile[i] = make_uint4(__ldg(sent[0]), __ldg(sent[1]), __ldg(sent[2]), __ldg(sent[3]));
    } else {
      const uint4 four = tile[i];
      *sent[0] = four.x;
      *sent[1] = four.y;
      *sent[2] = four.z;
      *sent[3] = four.w;
    }
  }
}

// Encodes the raw keys of the item into `staged`, a tile in shared memory of the warp's own, as
// many at a time as a warp has lanes for; then stores the whole tile at once, or the words of the
// keys it has.
template <int kWords, int kBits, VectorKind kKind, bool kWhole>
__device__ void EncodeKeys(const CodeLayout& store, const KeyJob& job, const TileItem& where,
                           uint32_t* staged) {
  constexpr int kTogether = 32 / kVectorLanes<kWords>;
  const CodeLayout layout = Narrow<kWords, kBits>(store);
  const int lane = threadIdx.x & 31;
  const int part = lane % kVectorLanes<kWords>;
  float limits[(1 << kBits) - 1];
#pragma unroll
  for (int i = 0; i < (1 << kBits) - 1; ++i) {
    limits[i] = __ldg(job.thresholds + where.kv_head * ((1 << kBits) - 1) + i);
  }
  const int vector_bytes = layout.head_dim * RawElements<kKind, kWhole>::kElementBytes;
  const uint8_t* data = DataOf(layout, job, where, vector_bytes);
  const int stride = layout.kv_heads * vector_bytes;
  RawElements<kKind, kWhole> raw;
  const auto load = [&](int key) {  // lanes of keys that are not there load one that is
    const int there = min(max(key, where.begin), where.end - 1);
    raw.template Load<kWords>(data + there * stride, layout.head_dim, part);
  };
  int key = where.begin / kTogether * kTogether + lane / kVectorLanes<kWords>;
  load(key);
  for (int steps = (where.end - 1) / kTogether - where.begin / kTogether; steps >= 0; --steps) {
    float x[kLaneElements];
    raw.Convert(x);
    if (steps > 0) load(key + kTogether);
    RotateVector<kWords>(x, part);
    const LanePlanes<kBits> planes = CutElements<kBits>(x, limits);
    planes.template ForBytes<kWords>(part, [&](int plane, int byte, uint8_t value) {
      const int word = TileWord(layout, key, plane, byte / 4);
      reinterpret_cast<uint8_t*>(staged)[word * 4 + byte % 4] = value;
    });
    key += kTogether;
  }
  __syncwarp();
  if (!where.Full()) {
    ForWords<kWords, kBits>(layout, where,
                            [&](int, int, int word) { where.tile[word] = staged[word]; });
    return;
  }
#pragma unroll
  for (int i = lane; i < kTileKeys * kBits * kWords / 4; i += 32) {
    reinterpret_cast<uint4*>(where.tile)[i] = reinterpret_cast<const uint4*>(staged)[i];
  }
}

// Writes the keys of the warp's item, if it has one.
template <int kWords, int kBits, bool kWhole>
__device__ __forceinline__ void WriteItem(const CodeLayout& layout, const KeyJob* jobs, int count,
                                          int64_t items, uint8_t* pages) {
  __shared__ __align__(16) uint32_t tiles[kWarps][kTileKeys * kBits * kWords];
  const int64_t item = GridWarp();
  if (item >= items) return;
  const KeyJob job = jobs[FindJob(jobs, count, item)];
  const TileItem where = LocateItem(layout, job, item, pages);
  uint32_t* staged = tiles[threadIdx.x / 32];
  switch (job.kind) {
    case VectorKind::kCodes:
      return MoveCodes<true, kWords, kBits>(layout, job, where);
    case VectorKind::kFloat16:
      return EncodeKeys<kWords, kBits, VectorKind::kFloat16, kWhole>(layout, job, where, staged);
    case VectorKind::kBfloat16:
      return EncodeKeys<kWords, kBits, VectorKind::kBfloat16, kWhole>(layout, job, where, staged);
    case VectorKind::kFloat32:
      return EncodeKeys<kWords, kBits, VectorKind::kFloat32, kWhole>(layout, job, where, staged);
  }
}

template <int kWords, int kBits, bool kWhole>
__global__ void __launch_bounds__(kThreads, 4)
    WriteKeys(const CodeLayout layout, const KeyJob* jobs, int count, int64_t items,
              uint8_t* pages) {
  WriteItem<kWords, kBits, kWhole>(layout, jobs, count, items, pages);
}

// Keys in the first blocks, the rest in the others.
template <int kWords, int kBits, bool kWhole>
__global__ void __launch_bounds__(kThreads, 4)
    TakeIn(const CodeLayout layout, const __grid_constant__ FewKeyJobs few, int64_t items,
           unsigned int key_blocks, const __grid_constant__ Arrival arrival, uint8_t* pages) {
  static_assert(kThreads == kFetchThreads);
  AllowDependents();
  if (blockIdx.x >= key_blocks) return FetchAndFill(arrival, blockIdx.x - key_blocks);
  WriteItem<kWords, kBits, kWhole>(layout, few.jobs, few.count, items, pages);
}

template <int kWords, int kBits>
__global__ void __launch_bounds__(kThreads) ReadKeys(const CodeLayout layout, const KeyJob* jobs,
                                                     int count, int64_t items, uint8_t* pages) {
  const int64_t item = GridWarp();
  if (item >= items) return;
  const KeyJob job = jobs[FindJob(jobs, count, item)];
  MoveCodes<false, kWords, kBits>(layout, job, LocateItem(layout, job, item, pages));
}

using KeyKernel = void (*)(CodeLayout, const KeyJob*, int, int64_t, uint8_t*);
using ArrivalKernel = void (*)(CodeLayout, FewKeyJobs, int64_t, unsigned int, Arrival, uint8_t*);

struct KeyKernels {
  KeyKernel write;
  ArrivalKernel take_in;
  KeyKernel read;
};

template <int kWords, int kBits>
KeyKernels KernelsFor(const CodeLayout& layout) {
  if (LoadsWhole(layout.head_dim)) {
    return {WriteKeys<kWords, kBits, true>, TakeIn<kWords, kBits, true>, ReadKeys<kWords, kBits>};
  }
  return {WriteKeys<kWords, kBits, false>, TakeIn<kWords, kBits, false>, ReadKeys<kWords, kBits>};
}

template <int kWords>
KeyKernels KernelsFor(const CodeLayout& layout) {
  return layout.bits == 1   ? KernelsFor<kWords, 1>(layout)
         : layout.bits == 2 ? KernelsFor<kWords, 2>(layout)
                            : KernelsFor<kWords, 3>(layout);
}

KeyKernels KernelsFor(const CodeLayout& layout) {
  return layout.words == 1   ? KernelsFor<1>(layout)
         : layout.words == 2 ? KernelsFor<2>(layout)
         : layout.words == 4 ? KernelsFor<4>(layout)
                             : KernelsFor<8>(layout);
}

}  // namespace

cudaError_t LaunchTableEdits(const TableEditJob* jobs, int count, cudaStream_t stream) {
  EditTables<<<count, 128, 0, stream>>>(jobs);
  return cudaGetLastError();
}

cudaError_t LaunchPageCopies(const PageCopyJob* jobs, int count, uint8_t* pages,
                             cudaStream_t stream) {
  CopyPages<<<dim3(count, 16), kThreads, 0, stream>>>(jobs, pages);
  return cudaGetLastError();
}

cudaError_t LaunchKeyWrites(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                            uint8_t* pages, cudaStream_t stream) {
  const KeyKernel kernel = KernelsFor(layout).write;
  kernel<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items, pages);
  return cudaGetLastError();
}

cudaError_t LaunchKeyArrival(const CodeLayout& layout, const FewKeyJobs& few, int64_t items,
                             const Arrival& arrival, uint8_t* pages, cudaStream_t stream) {
  const ArrivalKernel kernel = KernelsFor(layout).take_in;
  const unsigned int key_blocks = BlocksFor(items, kWarps);
  kernel<<<key_blocks + FetchBlocks(arrival), kThreads, 0, stream>>>(layout, few, items, key_blocks,
                                                                     arrival, pages);
  return cudaGetLastError();
}

cudaError_t LaunchKeyReads(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                           const uint8_t* pages, cudaStream_t stream) {
  const KeyKernel kernel = KernelsFor(layout).read;
  kernel<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items,
                                                            const_cast<uint8_t*>(pages));
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
