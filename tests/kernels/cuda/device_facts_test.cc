// The rules by which a GPU can serve; no GPU is needed.
#include "kernels/cuda/device_facts.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::cuda {
namespace {

using testing::HasSubstr;

void ExpectRefused(const absl::Status& status, const std::string& why) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(DeviceFacts, ADriverServesEveryMinorVersionOfItsMajorOne) {
  EXPECT_TRUE(CheckDriver(13000, 13000).ok());
  EXPECT_TRUE(CheckDriver(13000, 13020).ok());
  EXPECT_TRUE(CheckDriver(14010, 13020).ok());
  ExpectRefused(CheckDriver(12080, 13000), "is for CUDA 12.8, expected 13.0 or later");
  ExpectRefused(CheckDriver(0, 13000), "no NVIDIA driver is installed");
}

TEST(DeviceFacts, NumbersAreThoseOfTheMachine) {
  EXPECT_TRUE(CheckDeviceNumber(0, 1).ok());
  EXPECT_TRUE(CheckDeviceNumber(7, 8).ok());
  ExpectRefused(CheckDeviceNumber(8, 8), "CUDA device 8, expected 0 to 7");
  ExpectRefused(CheckDeviceNumber(-1, 8), "CUDA device -1, expected 0 to 7");
  ExpectRefused(CheckDeviceNumber(0, 0), "no CUDA device");
}

TEST(DeviceFacts, CapabilityIsAtLeast8) {
  EXPECT_TRUE(CheckCapability({.name = "a", .major = 8, .minor = 0}).ok());
  EXPECT_TRUE(CheckCapability({.name = "a", .major = 12, .minor = 0}).ok());
  ExpectRefused(CheckCapability({.name = "Tesla T4", .major = 7, .minor = 5}),
                "Tesla T4 has compute capability 7.5, expected 8.0 or more");
}

}  // namespace
}  // namespace kvsift::cuda
