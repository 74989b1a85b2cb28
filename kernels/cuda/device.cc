#include "kernels/cuda/device.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace kvsift::cuda {
namespace {

// Buffers grow to a power of two, so that a slowly growing need reallocates seldom.
int64_t GrownSize(int64_t bytes) {
  int64_t size = 4096;
  while (size < bytes) size *= 2;
  return size;
}

}  // namespace

absl::Status DeviceStatus(cudaError_t error, const char* action) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message = absl::StrCat("device error ", cudaGetErrorName(error), " (",
                                           cudaGetErrorString(error), ") at ", action);
  if (error != cudaErrorMemoryAllocation) return absl::UnavailableError(message);
  cudaGetLastError();  // or the next launch would report it again
  return absl::ResourceExhaustedError(message);
}

absl::Status DeviceBuffer::Reserve(int64_t bytes) {
  return bytes <= bytes_ ? absl::OkStatus() : ReserveExactly(GrownSize(bytes));
}

absl::Status DeviceBuffer::ReserveZeros(int64_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  absl::Status status = Reserve(bytes);
  if (!status.ok()) return status;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemset(data_, 0, static_cast<size_t>(bytes_)));
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaDeviceSynchronize());  // other streams do not wait for it
  return absl::OkStatus();
}

absl::Status DeviceBuffer::ReserveExactly(int64_t bytes) {
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaFree(data_));
  data_ = nullptr;
  bytes_ = 0;
  void* memory = nullptr;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMalloc(&memory, static_cast<size_t>(bytes)));
  data_ = static_cast<std::byte*>(memory);
  bytes_ = bytes;
  return absl::OkStatus();
}

absl::Status PinnedBuffer::Reserve(int64_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaFreeHost(data_));
  data_ = nullptr;
  bytes_ = 0;
  const int64_t size = GrownSize(bytes);
  void* memory = nullptr;
  KVSIFT_RETURN_IF_CUDA_ERROR(
      cudaHostAlloc(&memory, static_cast<size_t>(size), cudaHostAllocMapped));
  data_ = static_cast<std::byte*>(memory);
  bytes_ = size;
  return absl::OkStatus();
}

absl::Status Stream::Create(Priority priority) {
  int lowest = 0;
  int highest = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
  const int step = static_cast<int>(priority);
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking,
                                                           lowest + (highest - lowest) * step / 2));
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
