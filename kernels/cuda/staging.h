// What a batch brings to the device: job descriptions, page lists, keys and queries, gathered in
// page-locked memory. From there it is fetched or copied to device memory (crossing.h), unless no
// kernel needs it.
#ifndef KVSIFT_KERNELS_CUDA_STAGING_H_
#define KVSIFT_KERNELS_CUDA_STAGING_H_

#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/cuda/crossing.h"
#include "kernels/cuda/device.h"

namespace kvsift::cuda {

enum class StagingPath {
  kUnread,   // stays: what kernels need travels in the launch
  kFetched,  // a kernel brings it to device memory
  kCopied,   // the copy engine does
};

class Staging {
 public:
  // Begins anew with room for `bytes`, counted with Footprint.
  absl::Status Begin(int64_t bytes, StagingPath path = StagingPath::kCopied);

  // Copies `values` and returns where kernels will find them.
  template <class T>
  T* Add(std::span<const T> values) {
    const int64_t offset = used_;
    used_ += Footprint(static_cast<int64_t>(values.size_bytes()));
    assert(used_ <= capacity_);
    if (!values.empty()) std::memcpy(host_.data() + offset, values.data(), values.size_bytes());
    std::byte* read = path_ == StagingPath::kUnread ? host_.data() : device_.data();
    return reinterpret_cast<T*>(read + offset);
  }
  template <class T>
  T* Add(const std::vector<T>& values) {
    return Add(std::span<const T>(values));
  }

  // Copies `values` and returns where they stay, in host memory, for a kernel that reads them once.
  // REQUIRES: nothing is pending.
  std::byte* AddToStay(std::span<const std::byte> values);

  // Brings what was added since the last Upload to where kernels find it, and fills `fill`, in the
  // order of `stream`.
  absl::Status Upload(const Fill& fill, cudaStream_t stream);

  // What Upload would do, for a launch that does it on its way. REQUIRES: the path is kFetched.
  Arrival TakePending(const Fill& fill);

  // Bytes that Upload would bring.
  int64_t pending_bytes() const { return used_ - uploaded_; }

  // Bytes that `bytes` bytes take: every piece is aligned for vector loads.
  static constexpr int64_t Footprint(int64_t bytes) { return (bytes + 31) / 32 * 32; }

 private:
  PinnedBuffer host_;
  DeviceBuffer device_;
  StagingPath path_ = StagingPath::kCopied;
  int64_t capacity_ = 0;
  int64_t used_ = 0;
  int64_t uploaded_ = 0;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_STAGING_H_
