// What the CUDA backend keeps per store and per sequence.
#ifndef KVSIFT_KERNELS_CUDA_STORE_H_
#define KVSIFT_KERNELS_CUDA_STORE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/device.h"

namespace kvsift::cuda {

// Layout of a store's codes in device memory.
CodeLayout MakeCodeLayout(const StoreShape& shape, const PageLayout& pages);

class CudaStore final : public BackendStore {
 public:
  // Copies the quantizer to the device. Errors: UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<CudaStore>> Create(const StoreFormat& format,
                                                           const PageLayout& pages);

  const StoreShape& shape() const { return shape_; }
  const CodeLayout& layout() const { return layout_; }
  int64_t page_bytes() const { return page_bytes_; }

  // Thresholds of a layer [kv_heads, 2^bits - 1] and its key scales [kv_heads] in device memory;
  // null without key scales.
  const float* ThresholdsOf(int layer) const;
  const float* KeyScalesOf(int layer) const;

 private:
  CudaStore(const StoreFormat& format, const PageLayout& pages);

  StoreShape shape_;
  CodeLayout layout_;
  int64_t page_bytes_;
  bool has_key_scales_;
  DeviceBuffer quantizer_;  // thresholds, then key scales
};

// A page table: an array of page addresses in device memory, changed in stream order.
class CudaPageTable final : public PageTable {
 public:
  // `retired` is the stream that its memory is given back on.
  explicit CudaPageTable(cudaStream_t retired) : retired_(retired) {}
  CudaPageTable(const CudaPageTable&) = delete;
  CudaPageTable& operator=(const CudaPageTable&) = delete;
  ~CudaPageTable() override;

  // Makes room for `entries` entries, in the order of `stream`; what is there stays.
  absl::Status Reserve(int64_t entries, cudaStream_t stream);

  uint64_t* entries() const { return entries_; }

 private:
  cudaStream_t retired_;
  uint64_t* entries_ = nullptr;
  int64_t capacity_ = 0;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_STORE_H_
