#include "kernels/encode/rotation.h"

#include <bit>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using testing::Each;
using testing::ElementsAre;

TEST(RotationTest, AUnitVectorSpreadsOverAllCoordinates) {
  std::vector<float> x(32, 0.0f);
  x[0] = 3.0f;
  Rotate(x);
  EXPECT_THAT(x, Each(3.0f));
}

TEST(RotationTest, CoordinatesAreSumsWithTheSignsOfTheHadamardMatrix) {
  for (const size_t dim : {32u, 64u, 128u, 256u}) {
    std::vector<float> x(dim);
    for (size_t i = 0; i < dim; ++i) x[i] = static_cast<float>(static_cast<int>(i * i % 19) - 9);
    std::vector<float> want(dim, 0.0f);  // integers: exact in float32
    for (size_t row = 0; row < dim; ++row) {
      for (size_t i = 0; i < dim; ++i) {
        want[row] += std::popcount(row & i) % 2 == 0 ? x[i] : -x[i];
      }
    }
    Rotate(x);
    EXPECT_EQ(x, want);
  }
}

// With the widest stride first, the first coordinate would be 16777218.
TEST(RotationTest, TheNarrowestStrideComesFirst) {
  std::vector<float> x = {16777216.0f, 1.0f, 0.0f, 1.0f};
  Rotate(x);
  EXPECT_THAT(x, ElementsAre(16777216.0f, 16777214.0f, 16777215.0f, 16777216.0f));
}

TEST(RotationTest, SubnormalsAreKept) {
  std::vector<float> x = {0x1p-149f, 0x1p-149f};
  Rotate(x);
  EXPECT_THAT(x, ElementsAre(0x1p-148f, 0.0f));
}

}  // namespace
}  // namespace kvsift
