#include "tests/kernels/cpu/forced_target.h"

#include <algorithm>
#include <cctype>

#include "hwy/targets.h"

namespace kvsift {
namespace {

// What kernels/cpu compiles for. Highway falls back to the least of them if a forced one is not.
constexpr int64_t kCompiledTargets =
    (HWY_AVX3_DL | HWY_AVX3 | HWY_AVX2 | HWY_SSE4 | HWY_NEON) & ~(HWY_DISABLED_TARGETS);

void Force(int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  // The choice is kept until it is undone.
  hwy::GetChosenTarget().DeInit();
}

}  // namespace

std::vector<int64_t> AvailableTargets() {
  std::vector<int64_t> targets;
  const int64_t available = hwy::SupportedTargets() & kCompiledTargets;
  // Wider instruction sets have lower bits.
  for (int64_t target = 1; target != 0 && target <= available; target <<= 1) {
    if ((available & target) != 0) targets.push_back(target);
  }
  return targets;
}

std::string TargetName(const testing::TestParamInfo<int64_t>& info) {
  std::string name = hwy::TargetName(info.param);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

void ForcedTargetTest::SetUp() { Force(GetParam()); }
void ForcedTargetTest::TearDown() { Force(0); }

}  // namespace kvsift
