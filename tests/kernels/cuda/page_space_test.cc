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
    if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) {
      // What the driver takes for itself at first use.
      PageSpace space;
      ASSERT_TRUE(space.Reserve(0, kMib, /*grows=*/true).ok());
      ASSERT_TRUE(space.Provide(0, kMib).ok());
      return;
    }
    const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
    if (required != nullptr && std::string_view(required) == "cuda") FAIL() << "no GPU";
    GTEST_SKIP() << "no GPU";
  }

  static int64_t FreeBytes() {
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    EXPECT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
    return static_cast<int64_t>(free_bytes);
  }
};

TEST_F(CudaPageSpace, WithoutGrowthAllOfItIsTakenAtOnce) {
  const int64_t before = FreeBytes();
  PageSpace space;
  ASSERT_TRUE(space.Reserve(0, 256 * kMib, /*grows=*/false).ok());
  EXPECT_LE(FreeBytes(), before - 256 * kMib);
  EXPECT_TRUE(space.Provide(0, 256 * kMib).ok());
}

TEST_F(CudaPageSpace, GrowthTakesWhatIsAskedForOnceAndItBeginsAsZero) {
  const int64_t before = FreeBytes();
  {
    PageSpace space;
    ASSERT_TRUE(space.Reserve(0, 1024 * kMib, /*grows=*/true).ok());
    EXPECT_EQ(FreeBytes(), before);
    ASSERT_TRUE(space.Provide(600 * kMib, 4096).ok());
    const int64_t after = FreeBytes();
    EXPECT_LT(after, before);
    ASSERT_TRUE(space.Provide(600 * kMib, 8192).ok());
    EXPECT_EQ(FreeBytes(), after);
    std::vector<uint8_t> bytes(4096, 1);
    ASSERT_EQ(
        cudaMemcpy(bytes.data(), space.data() + 600 * kMib, bytes.size(), cudaMemcpyDeviceToHost),
        cudaSuccess);
    EXPECT_THAT(bytes, testing::Each(0));
  }
  EXPECT_EQ(FreeBytes(), before);
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
