// The value of --devices.
#ifndef KVSIFT_SERVER_DEVICE_LIST_H_
#define KVSIFT_SERVER_DEVICE_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kvsift {

// Numbers of GPUs that an option may name. A machine may have fewer, which starting finds out.
inline constexpr int32_t kMaxDeviceNumber = 63;

// "0,2" as numbers, in that order.
// Errors: INVALID_ARGUMENT, naming value and limit, for what is no number, too large, or there
// twice.
absl::StatusOr<std::vector<int32_t>> ParseDeviceList(const std::string& text);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_DEVICE_LIST_H_
