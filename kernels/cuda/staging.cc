#include "kernels/cuda/staging.h"

#include <utility>

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

std::byte* Staging::AddToStay(std::span<const std::byte> values) {
  assert(pending_bytes() == 0);
  const int64_t offset = used_;
  Add(values);
  uploaded_ = used_;
  return host_.data() + offset;
}

Arrival Staging::TakePending(const Fill& fill) {
  const int64_t first = std::exchange(uploaded_, used_);
  return {.from = host_.data() + first,
          .to = device_.data() + first,
          .bytes = used_ - first,
          .fill = fill};
}

absl::Status Staging::Upload(const Fill& fill, cudaStream_t stream) {
  const bool is_copied = path_ == StagingPath::kCopied;
  if (path_ == StagingPath::kUnread) uploaded_ = used_;
  Arrival arrival = TakePending(fill);
  if (is_copied && arrival.bytes > 0) {
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(arrival.to, arrival.from,
                                                static_cast<size_t>(arrival.bytes),
                                                cudaMemcpyHostToDevice, stream));
    arrival.bytes = 0;
  }
  if (arrival.bytes > 0 || fill.count > 0) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchFetch(arrival, stream));
  }
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
