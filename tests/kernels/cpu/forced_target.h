// Runs tests of vector code once per instruction set of this build that the machine has.
#ifndef KVSIFT_TESTS_KERNELS_CPU_FORCED_TARGET_H_
#define KVSIFT_TESTS_KERNELS_CPU_FORCED_TARGET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift {

// Bits of the instruction sets, the widest first; never empty.
std::vector<int64_t> AvailableTargets();

std::string TargetName(const testing::TestParamInfo<int64_t>& info);

// Makes the parameter's instruction set the only one that Highway finds, for one test.
class ForcedTargetTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override;
  void TearDown() override;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CPU_FORCED_TARGET_H_
