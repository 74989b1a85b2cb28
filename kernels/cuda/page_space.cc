#include "kernels/cuda/page_space.h"

#include <cuda.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kvsift::cuda {
namespace {

constexpr int64_t kChunkBytes = int64_t{64} << 20;  // a multiple of every device's granularity

// Calls `function`, which must be a name of the driver's interface: the driver is loaded when the
// program runs, where there is one.
template <class Function, class... Arguments>
cudaError_t CallDriver(const char* name, Arguments... arguments) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &entry, 12000, cudaEnableDefault, &found);
  if (error != cudaSuccess) return error;
  if (found != cudaDriverEntryPointSuccess) return cudaErrorNotSupported;
  const CUresult result = reinterpret_cast<Function>(entry)(arguments...);
  if (result == CUDA_SUCCESS) return cudaSuccess;
  return result == CUDA_ERROR_OUT_OF_MEMORY ? cudaErrorMemoryAllocation : cudaErrorUnknown;
}

#define KVSIFT_CALL_DRIVER(name, ...) CallDriver<decltype(&name)>(#name, __VA_ARGS__)

CUdeviceptr AddressOf(const void* memory) { return reinterpret_cast<CUdeviceptr>(memory); }

}  // namespace

PageSpace::~PageSpace() {
  if (address_bytes_ == 0) return;
  for (size_t chunk = 0; chunk < taken_.size(); ++chunk) {
    if (!taken_[chunk]) continue;
    KVSIFT_CALL_DRIVER(cuMemUnmap, AddressOf(data_ + static_cast<int64_t>(chunk) * kChunkBytes),
                       static_cast<size_t>(kChunkBytes));
  }
  KVSIFT_CALL_DRIVER(cuMemAddressFree, AddressOf(data_), static_cast<size_t>(address_bytes_));
}

absl::Status PageSpace::Reserve(int device, int64_t bytes, bool grows) {
  device_ = device;
  if (grows) return ReserveAddresses(bytes);
  absl::Status status = whole_.ReserveExactly(bytes);
  if (!status.ok()) return status;
  data_ = reinterpret_cast<uint8_t*>(whole_.data());
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemset(data_, 0, static_cast<size_t>(bytes)));
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaDeviceSynchronize());
  return absl::OkStatus();
}

absl::Status PageSpace::ReserveAddresses(int64_t bytes) {
  const int64_t chunks = (bytes + kChunkBytes - 1) / kChunkBytes;
  CUdeviceptr address = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(KVSIFT_CALL_DRIVER(cuMemAddressReserve, &address,
                                                 static_cast<size_t>(chunks * kChunkBytes),
                                                 size_t{0}, CUdeviceptr{0}, 0ull));
  data_ = reinterpret_cast<uint8_t*>(address);
  address_bytes_ = chunks * kChunkBytes;
  taken_.assign(static_cast<size_t>(chunks), false);
  return absl::OkStatus();
}

absl::Status PageSpace::Provide(int64_t first, int64_t bytes) {
  if (address_bytes_ == 0) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  for (int64_t chunk = first / kChunkBytes; chunk * kChunkBytes < first + bytes; ++chunk) {
    if (taken_[static_cast<size_t>(chunk)]) continue;
    absl::Status status = Take(chunk);
    if (absl::IsResourceExhausted(status)) return NoMore();
    if (!status.ok()) return status;
    taken_[static_cast<size_t>(chunk)] = true;
  }
  return absl::OkStatus();
}

absl::Status PageSpace::NoMore() const {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemGetInfo(&free_bytes, &total_bytes));
  const int64_t chunks = std::count(taken_.begin(), taken_.end(), true);
  return absl::ResourceExhaustedError(
      absl::StrCat("CUDA device ", device_, " has no more memory for keys: ", chunks * kChunkBytes,
                   " bytes are taken, and ", free_bytes, " of its ", total_bytes, " are free"));
}

int64_t PageSpace::provided_bytes() {
  const std::lock_guard lock(mutex_);
  return std::count(taken_.begin(), taken_.end(), true) * kChunkBytes;
}

absl::Status PageSpace::Take(int64_t chunk) {
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaSetDevice(device_));
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device_};
  const size_t bytes = static_cast<size_t>(kChunkBytes);
  const CUdeviceptr address = AddressOf(data_ + chunk * kChunkBytes);
  CUmemGenericAllocationHandle memory = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(KVSIFT_CALL_DRIVER(cuMemCreate, &memory, bytes, &properties, 0ull));
  const cudaError_t mapped = KVSIFT_CALL_DRIVER(cuMemMap, address, bytes, size_t{0}, memory, 0ull);
  // From here on the mapping keeps it.
  KVSIFT_RETURN_IF_CUDA_ERROR(KVSIFT_CALL_DRIVER(cuMemRelease, memory));
  KVSIFT_RETURN_IF_CUDA_ERROR(mapped);
  const CUmemAccessDesc access = {properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  KVSIFT_RETURN_IF_CUDA_ERROR(
      KVSIFT_CALL_DRIVER(cuMemSetAccess, address, bytes, &access, size_t{1}));
  void* const begin = reinterpret_cast<void*>(address);
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemset(begin, 0, bytes));
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(nullptr));  // other streams do not wait for it
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
