// Owners of CUDA objects, and the one place that turns CUDA errors into statuses.
#ifndef KVSIFT_KERNELS_CUDA_DEVICE_H_
#define KVSIFT_KERNELS_CUDA_DEVICE_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace kvsift::cuda {

// OK, or with the error's name: RESOURCE_EXHAUSTED if memory could not be had and all else is well,
// UNAVAILABLE if the device has failed: whatever it was doing cannot be relied on.
absl::Status DeviceStatus(cudaError_t error, const char* action);

#define KVSIFT_RETURN_IF_CUDA_ERROR(call)                                      \
  do {                                                                         \
    const cudaError_t kvsift_error = (call);                                   \
    if (kvsift_error != cudaSuccess) return DeviceStatus(kvsift_error, #call); \
  } while (false)

// Memory that only grows and keeps nothing when it does. Growing waits for the device, so a
// buffer is given what it needs before work that uses it is launched.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { cudaFree(data_); }

  absl::Status Reserve(int64_t bytes);

  // The same, and memory that is new is zero.
  absl::Status ReserveZeros(int64_t bytes);

  // The same as Reserve, without room to grow.
  absl::Status ReserveExactly(int64_t bytes);

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// The same of page-locked host memory, which copies to and from the device need and kernels can
// read and write, at the address that the host has.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer() { cudaFreeHost(data_); }

  absl::Status Reserve(int64_t bytes);
  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Whose kernels come first where blocks of several streams wait for a place.
enum class Priority { kLow, kMiddle, kHigh };

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

  absl::Status Create(Priority priority = Priority::kLow);
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_DEVICE_H_
