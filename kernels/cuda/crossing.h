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

// Values in device memory that kernels expect to be set.
struct Fill {
  int32_t* values = nullptr;
  int64_t count = 0;
  int32_t value = 0;
};

// What comes to the device at the beginning of a small batch: `bytes`, a multiple of 16, are copied
// from host to device memory, and `fill` is filled.
struct Arrival {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  int64_t bytes = 0;
  Fill fill;
};
cudaError_t LaunchFetch(const Arrival& arrival, cudaStream_t stream);

// A word of host memory that becomes `sequence` when a batch has run. A host that sees it sees what
// every kernel of the stream up to then wrote to host memory, too.
struct HostFlag {
  uint32_t* value = nullptr;  // null: nothing is raised
  uint32_t sequence = 0;
  unsigned int* arrived = nullptr;  // in device memory; 0, and again afterwards
};

// Copies `bytes`, a multiple of 16 or none, from device to host memory; then raises the flag.
struct Delivery {
  const std::byte* from;
  std::byte* to;
  int64_t bytes;
  HostFlag flag;
};
cudaError_t LaunchDeliver(const Delivery& delivery, cudaStream_t stream);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CROSSING_H_
