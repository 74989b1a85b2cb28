// What a batch brings to the device: job descriptions, page lists, keys and queries, gathered in
// page-locked memory and copied at once.
#ifndef KVSIFT_KERNELS_CUDA_STAGING_H_
#define KVSIFT_KERNELS_CUDA_STAGING_H_

#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/cuda/device.h"

namespace kvsift::cuda {

class Staging {
 public:
  // Begins anew with room for `bytes`, counted with Footprint.
  absl::Status Begin(int64_t bytes);

  // Copies `values` and returns where they will be on the device.
  template <class T>
  T* Add(std::span<const T> values) {
    const int64_t offset = used_;
    used_ += Footprint(static_cast<int64_t>(values.size_bytes()));
    assert(used_ <= capacity_);
    if (!values.empty()) std::memcpy(host_.data() + offset, values.data(), values.size_bytes());
    return reinterpret_cast<T*>(device_.data() + offset);
  }
  template <class T>
  T* Add(const std::vector<T>& values) {
    return Add(std::span<const T>(values));
  }

  // Starts the copy of everything that was added.
  absl::Status Upload(cudaStream_t stream);

  // Bytes that `bytes` bytes take: every piece is aligned for vector loads.
  static constexpr int64_t Footprint(int64_t bytes) { return (bytes + 31) / 32 * 32; }

 private:
  PinnedBuffer host_;
  DeviceBuffer device_;
  int64_t capacity_ = 0;
  int64_t used_ = 0;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_STAGING_H_
