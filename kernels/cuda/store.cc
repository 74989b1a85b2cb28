#include "kernels/cuda/store.h"

#include <vector>

namespace kvsift::cuda {
namespace {

constexpr int64_t kFirstEntries = 64;

absl::Status Upload(const std::vector<float>& values, std::byte* to) {
  KVSIFT_RETURN_IF_CUDA_ERROR(
      cudaMemcpy(to, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice));
  return absl::OkStatus();
}

}  // namespace

CodeLayout MakeCodeLayout(const StoreShape& shape, const PageLayout& pages) {
  CodeLayout layout;
  layout.order = OrderFor(shape.padded_dim(), shape.key_bits);
  layout.head_dim = shape.head_dim;
  layout.dim = shape.padded_dim();
  layout.bits = shape.key_bits;
  layout.words = layout.dim / 32;
  layout.kv_heads = shape.kv_heads;
  layout.query_heads = shape.query_heads;
  layout.tile_bytes = static_cast<uint32_t>(pages.codes.unit_bytes);
  layout.tiles_per_page = static_cast<uint32_t>(pages.positions / kTileKeys);
  const uint64_t tiles = layout.tiles_per_page;
  layout.tiles_reciprocal =
      tiles == 1 ? 0 : static_cast<uint32_t>(((uint64_t{1} << 32) + tiles - 1) / tiles);
  layout.codes_offset = pages.codes.offset;
  layout.head_stride = pages.codes.head_stride;
  layout.layer_stride = pages.codes.layer_stride;
  return layout;
}

CudaStore::CudaStore(const StoreFormat& format, const PageLayout& pages)
    : shape_(format.shape),
      layout_(MakeCodeLayout(format.shape, pages)),
      page_bytes_(pages.page_bytes),
      has_key_scales_(format.has_key_scales()) {}

absl::StatusOr<std::unique_ptr<CudaStore>> CudaStore::Create(const StoreFormat& format,
                                                             const PageLayout& pages) {
  std::unique_ptr<CudaStore> store(new CudaStore(format, pages));
  if (!format.has_key_scales()) return store;
  const size_t threshold_bytes = format.thresholds.size() * sizeof(float);
  const size_t scale_bytes = format.key_scales.size() * sizeof(float);
  absl::Status status =
      store->quantizer_.Reserve(static_cast<int64_t>(threshold_bytes + scale_bytes));
  if (status.ok()) status = Upload(format.thresholds, store->quantizer_.data());
  if (status.ok()) status = Upload(format.key_scales, store->quantizer_.data() + threshold_bytes);
  if (!status.ok()) return status;
  return store;
}

const float* CudaStore::ThresholdsOf(int layer) const {
  if (!has_key_scales_) return nullptr;
  return reinterpret_cast<const float*>(quantizer_.data()) +
         int64_t{layer} * shape_.kv_heads * ThresholdCount(shape_.key_bits);
}

const float* CudaStore::KeyScalesOf(int layer) const {
  if (!has_key_scales_) return nullptr;
  const int64_t pairs = int64_t{shape_.layers} * shape_.kv_heads;
  return reinterpret_cast<const float*>(quantizer_.data()) +
         pairs * ThresholdCount(shape_.key_bits) + int64_t{layer} * shape_.kv_heads;
}

CudaPageTable::~CudaPageTable() {
  if (entries_ != nullptr) cudaFreeAsync(entries_, retired_);
}

absl::Status CudaPageTable::Reserve(int64_t entries, cudaStream_t stream) {
  if (entries <= capacity_) return absl::OkStatus();
  int64_t capacity = capacity_ == 0 ? kFirstEntries : capacity_;
  while (capacity < entries) capacity *= 2;
  void* memory = nullptr;
  KVSIFT_RETURN_IF_CUDA_ERROR(
      cudaMallocAsync(&memory, static_cast<size_t>(capacity) * sizeof(uint64_t), stream));
  if (entries_ != nullptr) {
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(memory, entries_,
                                                static_cast<size_t>(capacity_) * sizeof(uint64_t),
                                                cudaMemcpyDeviceToDevice, stream));
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaFreeAsync(entries_, stream));
  }
  entries_ = static_cast<uint64_t*>(memory);
  capacity_ = capacity;
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
