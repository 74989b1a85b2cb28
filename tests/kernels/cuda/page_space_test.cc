// Memory that is taken as it is needed.
#include "kernels/cuda/page_space.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::cuda {
namespace {

constexpr int64_t kMib = int64_t{1} << 20;

class CudaPageSpace : public testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) return;
    const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
    if (required != nullptr && std::string_view(required) == "cuda") FAIL() << "no GPU";
    GTEST_SKIP() << "no GPU";
  }
};

TEST_F(CudaPageSpace, WithoutGrowthAllOfItIsThereAtOnce) {
  PageSpace space;
  ASSERT_TRUE(space.Reserve(0, 256 * kMib, /*grows=*/false).ok());
  EXPECT_EQ(cudaMemset(space.data(), 1, 256 * kMib), cudaSuccess);
  EXPECT_TRUE(space.Provide(0, 256 * kMib).ok());
  EXPECT_EQ(space.provided_bytes(), 0);
}

TEST_F(CudaPageSpace, GrowthTakesWhatIsAskedForOnceAndItBeginsAsZero) {
  PageSpace space;
  ASSERT_TRUE(space.Reserve(0, 1024 * kMib, /*grows=*/true).ok());
  EXPECT_EQ(space.provided_bytes(), 0);
  ASSERT_TRUE(space.Provide(600 * kMib, 4096).ok());
  EXPECT_EQ(space.provided_bytes(), 64 * kMib);
  ASSERT_TRUE(space.Provide(600 * kMib, 8192).ok());
  EXPECT_EQ(space.provided_bytes(), 64 * kMib);
  std::vector<uint8_t> bytes(4096, 1);
  ASSERT_EQ(
      cudaMemcpy(bytes.data(), space.data() + 600 * kMib, bytes.size(), cudaMemcpyDeviceToHost),
      cudaSuccess);
  EXPECT_THAT(bytes, testing::Each(0));
  ASSERT_TRUE(space.Provide(639 * kMib, 2 * kMib).ok());
  EXPECT_EQ(space.provided_bytes(), 128 * kMib) << "over the end of a piece";
}

TEST_F(CudaPageSpace, BeyondTheDeviceItSaysWhatIsTakenAndFree) {
  const int64_t bytes = int64_t{1} << 40;
  PageSpace space;
  ASSERT_TRUE(space.Reserve(0, bytes, /*grows=*/true).ok());
  const absl::Status refused = space.Provide(0, bytes);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              testing::ContainsRegex("[0-9]+ bytes are taken, and [0-9]+ of its"));
}

}  // namespace
}  // namespace kvsift::cuda
