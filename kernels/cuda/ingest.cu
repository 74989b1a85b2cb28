#include "kernels/cuda/ingest.h"

#include "kernels/cuda/jobs.cuh"
#include "kernels/cuda/rotate.cuh"

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
  for (int64_t i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
       i < job.bytes / 16; i += step) {
    to[i] = from[i];
  }
}

// What one warp handles: the keys of a job inside one tile of one kv head.
struct TileItem {
  uint32_t* tile;
  int64_t first_position;  // of the tile
  int begin;               // keys [begin, end) of the tile belong to the job
  int end;
  int kv_head;
};

__device__ __forceinline__ TileItem LocateItem(const CodeLayout& layout, const KeyJob& job,
                                               int64_t item, const uint8_t* pages) {
  const int64_t inside = item - job.first_item;
  TileItem where;
  where.kv_head = static_cast<int>(inside % layout.kv_heads);
  const int64_t tile = job.start / kTileKeys + inside / layout.kv_heads;
  where.first_position = tile * kTileKeys;
  where.begin = static_cast<int>(max(job.start - where.first_position, int64_t{0}));
  where.end = static_cast<int>(
      min(job.start + job.count - where.first_position, int64_t{kTileKeys}));
  where.tile = reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(
      TileAddress(layout, pages, job.table, job.layer_offset + where.kv_head * layout.head_stride,
                  static_cast<uint32_t>(tile))));
  return where;
}

// First word of the wire code of key `key` of the tile in the job's data.
__device__ __forceinline__ uint32_t* WireCode(const CodeLayout& layout, const KeyJob& job,
                                              const TileItem& where, int key) {
  const int64_t token = where.first_position + key - job.start;
  return reinterpret_cast<uint32_t*>(job.data) +
         (token * layout.kv_heads + where.kv_head) * layout.bits * layout.words;
}

// Moves every code word of the item between wire order and the tile.
template <bool kToTile>
__device__ void MoveCodes(const CodeLayout& layout, const KeyJob& job, const TileItem& where) {
  const int words = layout.bits * layout.words;
  for (int i = where.begin * words + (threadIdx.x & 31); i < where.end * words; i += 32) {
    const int key = i / words;
    const int plane = (i - key * words) / layout.words;
    const int word = i - key * words - plane * layout.words;
    uint32_t* wire = WireCode(layout, job, where, key) + plane * layout.words + word;
    uint32_t* stored = where.tile + TileWord(layout, key, plane, word);
    if (kToTile) {
      *stored = *wire;
    } else {
      *wire = *stored;
    }
  }
}

// Encodes the raw keys of the item, one after the other, the whole warp on each.
template <int kWords>
__device__ void EncodeKeys(const CodeLayout& layout, const KeyJob& job, const TileItem& where) {
  const int lane = threadIdx.x & 31;
  const int thresholds = (1 << layout.bits) - 1;
  const float* limits = job.thresholds + where.kv_head * thresholds;
  const int64_t element_bytes = job.kind == VectorKind::kFloat32 ? 4 : 2;
  for (int key = where.begin; key < where.end; ++key) {
    const int64_t token = where.first_position + key - job.start;
    const uint8_t* raw =
        job.data + (token * layout.kv_heads + where.kv_head) * layout.head_dim * element_bytes;
    float x[kWords];
    LoadVector(raw, job.kind, layout.head_dim, x);
    RotateVector(x);
#pragma unroll
    for (int j = 0; j < kWords; ++j) {
      int code = 0;
      for (int i = 0; i < thresholds; ++i) code += x[j] > limits[i];
      for (int plane = 0; plane < layout.bits; ++plane) {
        const uint32_t bits = __ballot_sync(~0u, (code >> plane) & 1);
        if (lane == plane) where.tile[TileWord(layout, key, plane, j)] = bits;
      }
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    WriteKeys(const CodeLayout layout, const KeyJob* jobs, int count, int64_t items,
              uint8_t* pages) {
  const int64_t item = GridWarp();
  if (item >= items) return;
  const KeyJob job = jobs[FindJob(jobs, count, item)];
  const TileItem where = LocateItem(layout, job, item, pages);
  if (job.kind == VectorKind::kCodes) {
    MoveCodes<true>(layout, job, where);
    return;
  }
  switch (layout.words) {
    case 1: return EncodeKeys<1>(layout, job, where);
    case 2: return EncodeKeys<2>(layout, job, where);
    case 4: return EncodeKeys<4>(layout, job, where);
    default: return EncodeKeys<8>(layout, job, where);
  }
}

__global__ void __launch_bounds__(kThreads)
    ReadKeys(const CodeLayout layout, const KeyJob* jobs, int count, int64_t items,
             const uint8_t* pages) {
  const int64_t item = GridWarp();
  if (item >= items) return;
  const KeyJob job = jobs[FindJob(jobs, count, item)];
  MoveCodes<false>(layout, job, LocateItem(layout, job, item, pages));
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

cudaError_t LaunchKeyWrites(const CodeLayout& layout, const KeyJob* jobs, int count,
                            int64_t items, uint8_t* pages, cudaStream_t stream) {
  WriteKeys<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items, pages);
  return cudaGetLastError();
}

cudaError_t LaunchKeyReads(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                           const uint8_t* pages, cudaStream_t stream) {
  ReadKeys<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items, pages);
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
