#include "kernels/cuda/staging.h"

namespace kvsift::cuda {

absl::Status Staging::Begin(int64_t bytes) {
  used_ = 0;
  capacity_ = bytes;
  absl::Status status = host_.Reserve(bytes);
  if (status.ok()) status = device_.Reserve(bytes);
  return status;
}

absl::Status Staging::Upload(cudaStream_t stream) {
  if (used_ == 0) return absl::OkStatus();
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(
      device_.data(), host_.data(), static_cast<size_t>(used_), cudaMemcpyHostToDevice, stream));
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
