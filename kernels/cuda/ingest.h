// Launches of the kernels that fill pages and page tables and read codes back. Plain C++17; every
// pointer is a device address, every launch is asynchronous on its stream.
#ifndef KVSIFT_KERNELS_CUDA_INGEST_H_
#define KVSIFT_KERNELS_CUDA_INGEST_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/crossing.h"

namespace kvsift::cuda {

// How vectors are given: values of ElementType, or ready codes.
enum class VectorKind : int { kFloat16, kBfloat16, kFloat32, kCodes };

// Sets entries [first, first + count) of a page table.
struct TableEditJob {
  uint64_t* table;
  int64_t first;
  int64_t count;
  const uint64_t* pages;
};

struct PageCopyJob {
  int64_t from;
  int64_t to;
  int64_t bytes;  // a multiple of 16
};

// Keys at positions [start, start + count) of one layer of one sequence, to be written from or
// read to `data` [count, kv_heads, ...], which starts at a multiple of 16 bytes. `first_item`
// counts the (tile, kv head) pairs of the jobs before this one.
struct KeyJob {
  const uint64_t* table;
  uint8_t* data;
  const float* thresholds;  // of the layer [kv_heads, 2^bits - 1]; raw keys only
  int64_t first_item;
  int64_t start;
  int64_t count;
  int64_t layer_offset;  // HeadOffset(layout, layer, 0)
  VectorKind kind;
};

// A few jobs, which travel with their launch.
struct FewKeyJobs {
  static constexpr int kMost = 16;

  KeyJob jobs[kMost];
  int count;
};

// (tile, kv head) pairs that a job touches.
inline int64_t KeyJobItems(int64_t start, int64_t count, int kv_heads) {
  if (count == 0) return 0;
  return ((start + count - 1) / kTileKeys - start / kTileKeys + 1) * kv_heads;
}

cudaError_t LaunchTableEdits(const TableEditJob* jobs, int count, cudaStream_t stream);
cudaError_t LaunchPageCopies(const PageCopyJob* jobs, int count, uint8_t* pages,
                             cudaStream_t stream);

// Jobs of one store, `items` pairs in all. Raw keys are rotated, cut and packed on the way.
cudaError_t LaunchKeyWrites(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                            uint8_t* pages, cudaStream_t stream);
// The same for few jobs, whose data lies in host memory, beside what else arrives.
cudaError_t LaunchKeyArrival(const CodeLayout& layout, const FewKeyJobs& few, int64_t items,
                             const Arrival& arrival, uint8_t* pages, cudaStream_t stream);
cudaError_t LaunchKeyReads(const CodeLayout& layout, const KeyJob* jobs, int count, int64_t items,
                           const uint8_t* pages, cudaStream_t stream);

// Raw query vectors [vectors, head_dim] to wire codes [vectors, planes, words] and, for 4 planes
// of asymmetric_dot, scales [vectors].
struct QueryJob {
  const uint8_t* raw;  // starts at a multiple of 16 bytes
  uint32_t* codes;
  float* scales;  // null: codes with as many planes as the key
  int64_t first_item;
  int64_t vectors;
  VectorKind kind;
};
cudaError_t LaunchQueryEncoding(const CodeLayout& layout, const QueryJob* jobs, int count,
                                int64_t vectors, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_INGEST_H_
