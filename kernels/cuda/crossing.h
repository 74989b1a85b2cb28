// Launches of the kernels that take small batches across the bus between host and device, and how
// a batch crosses it. Plain C++17.
//
// The copy engine costs a small batch more than its kernels do, and a large ingest keeps it busy
// for long. So the queries of a small batch travel in the launch, and kernels read and write
// page-locked host memory themselves where little crosses; such memory has one address on both
// sides, because every device that serves has unified addressing.
#ifndef KVSIFT_KERNELS_CUDA_CROSSING_H_
#define KVSIFT_KERNELS_CUDA_CROSSING_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace kvsift::cuda {

struct CrossingTuning {
  // Up to this many staged bytes a kernel fetches to device memory; more are copied.
  int64_t most_fetched_bytes = 64 << 10;

  // Whether the query codes of few columns travel with the launch that scores (FewUnits).
  bool queries_travel = true;

  // Up to this many bytes of answers a kernel delivers to host memory; more are copied.
  int64_t most_delivered_bytes = 256 << 10;

  // Writes are copied and encoded in pieces of about this many bytes, between which kernels of
  // streams with a higher priority find their turn.
  int64_t write_piece_bytes = 4 << 20;
};

// Copies `bytes`, a multiple of 16, from host to device memory.
cudaError_t LaunchFetch(const std::byte* from, std::byte* to, int64_t bytes, cudaStream_t stream);

// Copies `bytes`, a multiple of 16 or none, from device to host memory; then sets `flag`, in host
// memory, to `sequence`. A host that sees the flag sees what every earlier kernel of the stream
// wrote to host memory, too.
struct Delivery {
  const std::byte* from;
  std::byte* to;
  int64_t bytes;
  uint32_t* flag;
  uint32_t sequence;
  unsigned int* arrived;  // 0, and again afterwards
};
cudaError_t LaunchDeliver(const Delivery& delivery, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CROSSING_H_
