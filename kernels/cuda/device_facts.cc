#include "kernels/cuda/device_facts.h"

#include <cuda_runtime_api.h>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/device.h"

namespace kvsift::cuda {
namespace {

// Binary tensor cores came with 7.5, asynchronous copies and the rest of what kernels use with 8.0.
constexpr int kLeastMajor = 8;

std::string VersionText(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

absl::StatusOr<int> CountDevices() {
  int driver = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaDriverGetVersion(&driver));
  absl::Status status = CheckDriver(driver, CUDART_VERSION);
  if (!status.ok()) return status;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  return absl::FailedPreconditionError(
      absl::StrCat("no CUDA device can be used: ", cudaGetErrorName(error), " (",
                   cudaGetErrorString(error), ")"));
}

}  // namespace

absl::Status CheckDriver(int driver, int runtime) {
  if (driver == 0) return absl::FailedPreconditionError("no NVIDIA driver is installed");
  // A driver serves every minor version of its major one.
  if (driver / 1000 >= runtime / 1000) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the NVIDIA driver is for CUDA ",
                                                    VersionText(driver), ", expected ",
                                                    runtime / 1000, ".0 or later"));
}

absl::Status CheckDeviceNumber(int device, int count) {
  if (device >= 0 && device < count) return absl::OkStatus();
  if (count == 0) return absl::FailedPreconditionError("this machine has no CUDA device");
  return absl::FailedPreconditionError(absl::StrCat("CUDA device ", device, ", expected 0 to ",
                                                    count - 1, ", the devices of this machine"));
}

absl::Status CheckCapability(const DeviceFacts& facts) {
  if (facts.major >= kLeastMajor) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(facts.name, " has compute capability ",
                                                    facts.major, ".", facts.minor, ", expected ",
                                                    kLeastMajor, ".0 or more"));
}

absl::StatusOr<DeviceFacts> ExamineDevice(int device) {
  const absl::StatusOr<int> count = CountDevices();
  if (!count.ok()) return count.status();
  absl::Status status = CheckDeviceNumber(device, *count);
  if (!status.ok()) return status;
  cudaDeviceProp properties;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaGetDeviceProperties(&properties, device));
  DeviceFacts facts{.name = properties.name,
                    .major = properties.major,
                    .minor = properties.minor,
                    .processors = properties.multiProcessorCount,
                    .memory_bytes = static_cast<int64_t>(properties.totalGlobalMem),
                    .shared_bytes = static_cast<int64_t>(properties.sharedMemPerBlockOptin),
                    .is_served_by_mps = false};
  status = CheckCapability(facts);
  if (!status.ok()) return status;
  int mps = 0;
  if (cudaDeviceGetAttribute(&mps, cudaDevAttrMpsEnabled, device) != cudaSuccess) {
    cudaGetLastError();  // a driver that does not say serves all the same
  }
  facts.is_served_by_mps = mps != 0;
  return facts;
}

}  // namespace kvsift::cuda
