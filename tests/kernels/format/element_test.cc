#include "kernels/format/element.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

float Load(uint32_t bits, ElementType type) {
  std::array<std::byte, 5> bytes{};
  for (size_t i = 0; i < 4; ++i) bytes[i + 1] = static_cast<std::byte>(bits >> (8 * i) & 0xff);
  return LoadElement(bytes.data() + 1, type);  // unaligned on purpose
}

TEST(ElementTest, LiteralFloat16sLoadExactly) {
  EXPECT_EQ(Load(0x3c00, ElementType::kFloat16), 1.0f);
  EXPECT_EQ(Load(0xc000, ElementType::kFloat16), -2.0f);
  EXPECT_EQ(Load(0x7bff, ElementType::kFloat16), 65504.0f);
  EXPECT_EQ(Load(0x0001, ElementType::kFloat16), 0x1p-24f);
  EXPECT_EQ(Load(0x0400, ElementType::kFloat16), 0x1p-14f);
  EXPECT_EQ(Load(0xfc00, ElementType::kFloat16), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(Load(0x7e00, ElementType::kFloat16)));
  EXPECT_TRUE(std::signbit(Load(0x8000, ElementType::kFloat16)));
}

TEST(ElementTest, EveryFiniteFloat16IsItsFormula) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    if (exponent == 31) continue;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    const double value = (bits & 0x8000) != 0 ? -magnitude : magnitude;
    ASSERT_EQ(Load(bits, ElementType::kFloat16), value) << bits;
  }
}

TEST(ElementTest, LiteralBfloat16sAndFloat32sLoadExactly) {
  EXPECT_EQ(Load(0x3f80, ElementType::kBfloat16), 1.0f);
  EXPECT_EQ(Load(0xc040, ElementType::kBfloat16), -3.0f);
  EXPECT_EQ(Load(0x0001, ElementType::kBfloat16), 0x1p-133f);
  EXPECT_EQ(Load(0x40490fdb, ElementType::kFloat32), 3.14159274f);
  EXPECT_EQ(Load(0x00000001, ElementType::kFloat32), 0x1p-149f);
}

TEST(ElementTest, SizesAndNamesAreThoseOfTheTypes) {
  EXPECT_EQ(ElementBytes(ElementType::kFloat16), 2);
  EXPECT_EQ(ElementBytes(ElementType::kBfloat16), 2);
  EXPECT_EQ(ElementBytes(ElementType::kFloat32), 4);
  EXPECT_EQ(ElementName(ElementType::kFloat16), "float16");
  EXPECT_EQ(ElementName(ElementType::kBfloat16), "bfloat16");
  EXPECT_EQ(ElementName(ElementType::kFloat32), "float32");
}

}  // namespace
}  // namespace kvsift
