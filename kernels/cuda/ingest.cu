#include "kernels/cuda/ingest.h"
#include "kernels/cuda/jobs.cuh"
#include "kernels/cuda/rotate.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kMostBits = 3;

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
  where.end =
      static_cast<int>(min(job.start + job.count - where.first_position, int64_t{kTileKeys}));
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

// The planes of one word of rotated coordinates, one coordinate per lane.
template <int kBits>
__device__ __forceinline__ void CutWord(float x, const float (&limits)[(1 << kBits) - 1],
                                        uint32_t (&planes)[kBits]) {
  if constexpr (kBits == 1) {
    planes[0] = __ballot_sync(~0u, x > limits[0]);
  } else if constexpr (kBits == 2) {  // thresholds ascend: the low bit is their parity
    planes[0] = __ballot_sync(~0u, (x > limits[0]) != ((x > limits[1]) != (x > limits[2])));
    planes[1] = __ballot_sync(~0u, x > limits[1]);
  } else {
    int code = 0;
#pragma unroll
    for (const float limit : limits) code += x > limit;
#pragma unroll
    for (int plane = 0; plane < kBits; ++plane) {
      planes[plane] = __ballot_sync(~0u, (code >> plane) & 1);
    }
  }
}

// Encodes the raw keys of the item into `staged`, a tile in shared memory of the warp's own, a
// few at a time; then stores the whole tile at once, or the words of the keys it has.
template <int kWords, int kBits>
__device__ void EncodeKeys(const CodeLayout& store, const KeyJob& job, const TileItem& where,
                           uint32_t* staged) {
  CodeLayout layout = store;  // what is known here makes the places of words constants
  layout.order = OrderFor(kWords * 32, kBits);
  layout.bits = kBits;
  layout.words = kWords;
  const int lane = threadIdx.x & 31;
  float limits[(1 << kBits) - 1];
#pragma unroll
  for (int i = 0; i < (1 << kBits) - 1; ++i) {
    limits[i] = __ldg(job.thresholds + where.kv_head * ((1 << kBits) - 1) + i);
  }
  const int64_t vector_bytes = layout.head_dim * (job.kind == VectorKind::kFloat32 ? 4 : 2);
  constexpr int kTogether = kWords <= 4 ? 4 : 2;  // keys whose loads and steps overlap
  for (int key = where.begin; key < where.end; key += kTogether) {
    RawVector<kWords> raw[kTogether];
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int64_t token = where.first_position + min(key + i, where.end - 1) - job.start;
      raw[i].Load(job.data + (token * layout.kv_heads + where.kv_head) * vector_bytes, job.kind,
                  layout.head_dim);
    }
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      float x[kWords];
      raw[i].Convert(job.kind, x);
      RotateVector(x);
      uint32_t own = 0;  // lane w keeps wire word w of the code
#pragma unroll
      for (int j = 0; j < kWords; ++j) {
        uint32_t planes[kBits];
        CutWord<kBits>(x[j], limits, planes);
#pragma unroll
        for (int plane = 0; plane < kBits; ++plane) {
          if (lane == plane * kWords + j) own = planes[plane];
        }
      }
      if (lane < kBits * kWords && key + i < where.end) {
        staged[TileWord(layout, key + i, lane / kWords, lane % kWords)] = own;
      }
    }
  }
  __syncwarp();
  if (where.begin == 0 && where.end == kTileKeys) {
    for (int i = lane; i < kTileKeys * kBits * kWords; i += 32) where.tile[i] = staged[i];
    return;
  }
  for (int i = where.begin * kBits * kWords + lane; i < where.end * kBits * kWords; i += 32) {
    const int key = i / (kBits * kWords);
    const int plane = i / kWords % kBits;
    const int word = TileWord(layout, key, plane, i % kWords);
    where.tile[word] = staged[word];
  }
}

template <int kWords>
__device__ void EncodeKeys(const CodeLayout& layout, const KeyJob& job, const TileItem& where,
                           uint32_t* staged) {
  switch (layout.bits) {
    case 1:
      return EncodeKeys<kWords, 1>(layout, job, where, staged);
    case 2:
      return EncodeKeys<kWords, 2>(layout, job, where, staged);
    default:
      return EncodeKeys<kWords, 3>(layout, job, where, staged);
  }
}

template <int kWords>
__global__ void __launch_bounds__(kThreads, 4)
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
  __shared__ uint32_t tiles[kWarps][kTileKeys * kMostBits * kWords];
  EncodeKeys<kWords>(layout, job, where, tiles[threadIdx.x / 32]);
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

cudaError_t LaunchKeyWrites(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                            uint8_t* pages, cudaStream_t stream) {
  const auto kernel = layout.words == 1   ? WriteKeys<1>
                      : layout.words == 2 ? WriteKeys<2>
                      : layout.words == 4 ? WriteKeys<4>
                                          : WriteKeys<8>;
  kernel<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items, pages);
  return cudaGetLastError();
}

cudaError_t LaunchKeyReads(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                           const uint8_t* pages, cudaStream_t stream) {
  ReadKeys<<<BlocksFor(items, kWarps), kThreads, 0, stream>>>(layout, jobs, count, items, pages);
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
