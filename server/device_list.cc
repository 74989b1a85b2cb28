#include "server/device_list.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kvsift {

absl::StatusOr<std::vector<int32_t>> ParseDeviceList(const std::string& text) {
  std::vector<int32_t> devices;
  for (const auto part : absl::StrSplit(text, ',')) {
    int32_t device = 0;
    if (!absl::SimpleAtoi(part, &device) || device < 0 || device > kMaxDeviceNumber) {
      return absl::InvalidArgumentError(absl::StrCat("device \"", part, "\" of \"", text,
                                                     "\", expected 0 to ", kMaxDeviceNumber));
    }
    if (std::find(devices.begin(), devices.end(), device) != devices.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("device ", device, " twice in \"", text, "\", expected once"));
    }
    devices.push_back(device);
  }
  return devices;
}

}  // namespace kvsift
