#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/encode/encode.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<std::vector<float>> Calibrate(int head_dim, int kv_heads,
                                             const std::vector<float>& keys) {
  std::vector<std::byte> bytes(keys.size() * sizeof(float));
  if (!keys.empty()) std::memcpy(bytes.data(), keys.data(), bytes.size());
  const auto vectors = static_cast<int64_t>(keys.size()) / head_dim;
  return CalibrateKeyScales(head_dim, kv_heads, vectors / kv_heads, ElementType::kFloat32, bytes);
}

// The rotation multiplies squared norms by D, so the scale is the root of |x|^2 / (tokens * D).
TEST(CalibrateTest, LiteralScales) {
  EXPECT_THAT(*Calibrate(32, 1, std::vector<float>(32, 2.0f)), ElementsAre(2.0f));
  EXPECT_THAT(*Calibrate(1, 1, {3.0f}), ElementsAre(0.53033009f));  // 3 / sqrt(32)
  EXPECT_THAT(*Calibrate(80, 1, std::vector<float>(80, 4.0f)), ElementsAre(3.16227766f));
}

TEST(CalibrateTest, EveryHeadHasItsOwnScaleOverAllTokens) {
  std::vector<float> keys;
  for (const float value : {2.0f, 3.0f, 0.0f, 3.0f}) keys.insert(keys.end(), 32, value);
  EXPECT_THAT(*Calibrate(32, 2, keys), ElementsAre(1.41421356f, 3.0f));
}

TEST(CalibrateTest, ScalesAgreeWithTheFormulaInDoubleOverRandomKeys) {
  Random random(1);
  constexpr int kDim = 64;
  constexpr int kTokens = 50;
  const TestVectors keys =
      RandomRaw(random, kDim, kTokens, ElementType::kFloat16, RawKind::kOrdinary);
  double sum = 0;
  for (int token = 0; token < kTokens; ++token) {
    for (unsigned row = 0; row < kDim; ++row) {
      double coordinate = 0;
      for (unsigned i = 0; i < kDim; ++i) {
        const double x = LoadElement(keys.bytes.data() + 2 * (token * kDim + static_cast<int>(i)),
                                     ElementType::kFloat16);
        coordinate += std::popcount(row & i) % 2 == 0 ? x : -x;
      }
      sum += coordinate * coordinate / kDim;  // orthonormal
    }
  }
  const auto scales = CalibrateKeyScales(kDim, 1, kTokens, ElementType::kFloat16, keys.bytes);
  ASSERT_TRUE(scales.ok());
  EXPECT_NEAR((*scales)[0], std::sqrt(sum / (kDim * kTokens)), 1e-6);
}

TEST(CalibrateTest, NoTokensAreRefused) {
  const auto scales = Calibrate(32, 2, {});
  EXPECT_EQ(scales.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(scales.status().message()), HasSubstr("tokens: 0"));
}

TEST(CalibrateTest, AHeadWhoseScaleIsOutOfRangeIsNamed) {
  std::vector<float> keys(32, 1.0f);
  keys.resize(64, 0.0f);
  const auto scales = Calibrate(32, 2, keys);
  EXPECT_EQ(scales.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(scales.status().message()), HasSubstr("kv head 1: key scale 0"));
  EXPECT_EQ(Calibrate(32, 1, std::vector<float>(32, 0x1p-61f)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(*Calibrate(32, 1, std::vector<float>(32, 0x1p-60f)), ElementsAre(0x1p-60f));
}

}  // namespace
}  // namespace kvsift
