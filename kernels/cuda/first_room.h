#ifndef KVSIFT_KERNELS_CUDA_FIRST_ROOM_H_
#define KVSIFT_KERNELS_CUDA_FIRST_ROOM_H_

#include <cstdint>

namespace kvsift::cuda {

// Bytes that a batch run has room for from the beginning, in host and in device memory each.
// Getting more waits for the device, and batches of others wait for that.
struct FirstRoom {
  int64_t staging = 1 << 20;
  int64_t answers = 256 << 10;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_FIRST_ROOM_H_
