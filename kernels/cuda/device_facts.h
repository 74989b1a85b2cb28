// What is known of a GPU before it is used, and whether it can serve.
#ifndef KVSIFT_KERNELS_CUDA_DEVICE_FACTS_H_
#define KVSIFT_KERNELS_CUDA_DEVICE_FACTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvsift::cuda {

struct DeviceFacts {
  std::string name;
  int major = 0;  // compute capability
  int minor = 0;
  int processors = 0;
  int64_t memory_bytes = 0;  // all of it
  int64_t shared_bytes = 0;  // that a block can ask for
  bool is_served_by_mps = false;
};

// Errors: FAILED_PRECONDITION, saying what is missing, without a driver, or if there is no such
// device or it is too old.
absl::StatusOr<DeviceFacts> ExamineDevice(int device);

// The rules of ExamineDevice, for numbers from anywhere.

// `driver` and `runtime` are versions of CUDA, 1000 * major + 10 * minor; driver 0: none.
absl::Status CheckDriver(int driver, int runtime);
absl::Status CheckDeviceNumber(int device, int count);
absl::Status CheckCapability(const DeviceFacts& facts);

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_DEVICE_FACTS_H_
