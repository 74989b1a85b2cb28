#include "kernels/encode/wire_codes.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

TEST(WireCodesTest, DimensionIIsBitIModulo32OfWordIOver32) {
  std::vector<int8_t> values(64, 0);
  values[0] = 1;
  values[9] = 3;
  values[33] = 2;
  std::vector<std::byte> words(16);
  PackPlanes(values, 2, words.data());
  std::vector<std::byte> want(16);
  want[0] = std::byte{0x01};   // plane 0, word 0, bit 0
  want[1] = std::byte{0x02};   // plane 0, word 0, bit 9
  want[9] = std::byte{0x02};   // plane 1, word 0, bit 9
  want[12] = std::byte{0x02};  // plane 1, word 1, bit 1
  EXPECT_EQ(words, want);
}

TEST(WireCodesTest, UnsignedCodesComeBack) {
  for (const int planes : {1, 2, 3}) {
    std::vector<int8_t> values(96);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int8_t>(i * 5 % (1u << planes));
    }
    std::vector<std::byte> words(12 * static_cast<size_t>(planes), std::byte{0xff});
    PackPlanes(values, planes, words.data());
    std::vector<int8_t> unpacked(96, -1);
    UnpackPlanes(words.data(), planes, unpacked);
    EXPECT_EQ(unpacked, values);
  }
}

TEST(WireCodesTest, SignedCodesAreTwosComplement) {
  std::vector<int8_t> values(32);
  for (int i = 0; i < 32; ++i) values[static_cast<size_t>(i)] = static_cast<int8_t>(i % 16 - 8);
  std::vector<std::byte> words(16);
  PackPlanes(values, 4, words.data());
  EXPECT_EQ(words[0], std::byte{0xaa});   // plane 0: odd values
  EXPECT_EQ(words[12], std::byte{0xff});  // plane 3: -8 .. -1
  EXPECT_EQ(words[13], std::byte{0x00});  // 0 .. 7
  std::vector<int8_t> unpacked(32);
  UnpackSignedPlanes(words.data(), unpacked);
  EXPECT_EQ(unpacked, values);
}

TEST(WireCodesTest, MinusEightIsFoundWhereverItIs) {
  constexpr int kDim = 64;
  for (const size_t at : {0u, 7u, 31u, 32u, 63u}) {
    std::vector<std::byte> words(3 * 32);
    std::vector<int8_t> values(kDim);
    for (size_t i = 0; i < kDim; ++i) values[i] = static_cast<int8_t>(i % 15) - 7;
    for (size_t code = 0; code < 3; ++code) PackPlanes(values, 4, &words[code * 32]);
    EXPECT_EQ(FirstInvalidQueryCode(words, kDim), -1);
    values[at] = -8;
    PackPlanes(values, 4, &words[2 * 32]);
    EXPECT_EQ(FirstInvalidQueryCode(words, kDim), 2);
    PackPlanes(values, 4, &words[32]);
    EXPECT_EQ(FirstInvalidQueryCode(words, kDim), 1);
  }
}

TEST(WireCodesTest, QueryScalesAreZeroOrInTheirRange) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(IsValidQueryScale(0.0f));
  EXPECT_TRUE(IsValidQueryScale(-0.0f));
  EXPECT_TRUE(IsValidQueryScale(0x1p-110f));
  EXPECT_TRUE(IsValidQueryScale(0x1p60f));
  EXPECT_FALSE(IsValidQueryScale(std::nextafter(0x1p-110f, 0.0f)));
  EXPECT_FALSE(IsValidQueryScale(std::nextafter(0x1p60f, infinity)));
  EXPECT_FALSE(IsValidQueryScale(-1.0f));
  EXPECT_FALSE(IsValidQueryScale(infinity));
  EXPECT_FALSE(IsValidQueryScale(std::numeric_limits<float>::quiet_NaN()));
}

TEST(WireCodesTest, ACodeIsZeroOnlyIfEveryBitIs) {
  std::vector<std::byte> code(16);
  EXPECT_TRUE(IsZeroCode(code));
  code[15] = std::byte{0x80};
  EXPECT_FALSE(IsZeroCode(code));
}

}  // namespace
}  // namespace kvsift
