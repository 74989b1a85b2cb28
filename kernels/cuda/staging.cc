#include "kernels/cuda/staging.h"

#include <utility>

#include "kernels/cuda/crossing.h"

namespace kvsift::cuda {

absl::Status Staging::Begin(int64_t bytes, StagingPath path) {
  path_ = path;
  used_ = 0;
  uploaded_ = 0;
  capacity_ = bytes;
  absl::Status status = host_.Reserve(bytes);
  if (status.ok()) status = device_.Reserve(bytes);
  return status;
}

absl::Status Staging::Upload(cudaStream_t stream) {
  const int64_t bytes = pending_bytes();
  const int64_t first = std::exchange(uploaded_, used_);
  if (bytes == 0 || path_ == StagingPath::kUnread) return absl::OkStatus();
  const std::byte* from = host_.data() + first;
  std::byte* to = device_.data() + first;
  if (path_ == StagingPath::kFetched) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchFetch(from, to, bytes, stream));
  } else {
    KVSIFT_RETURN_IF_CUDA_ERROR(
        cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream));
  }
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
