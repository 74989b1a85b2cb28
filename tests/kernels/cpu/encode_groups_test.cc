// Keys of 16-bit elements, which some instruction sets encode in groups of sixteen: counts beside
// the group's size, heads that a group mixes, rows that end inside a register, unusual values.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/encode_vectors.h"
#include "kernels/encode/portable_encode.h"
#include "kernels/format/code_shape.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/cpu/forced_target.h"

namespace kvsift {
namespace {

constexpr ElementType kTypes[] = {ElementType::kFloat16, ElementType::kBfloat16};
constexpr std::byte kUntouched{0xA5};

StoreShape ShapeOf(int kv_heads, int head_dim, int key_bits) {
  return {.layers = 1,
          .kv_heads = kv_heads,
          .query_heads = kv_heads,
          .head_dim = head_dim,
          .key_bits = key_bits};
}

// Encodes and compares; nothing may be written behind the codes.
void ExpectPortableCodes(const StoreFormat& format, ElementType type,
                         const std::vector<std::byte>& keys, const std::string& what) {
  const StoreShape& shape = format.shape;
  const size_t vectors = keys.size() / static_cast<size_t>(2 * shape.head_dim);
  const size_t bytes = vectors * static_cast<size_t>(CodeBytes(shape.head_dim, shape.key_bits));
  std::vector<std::byte> want(bytes);
  EncodeKeysPortably(format, 0, type, keys, want);
  std::vector<std::byte> codes(bytes + 64, kUntouched);
  EncodeKeyVectors(format, 0, type, keys, std::span(codes).first(bytes));
  want.resize(bytes + 64, kUntouched);
  ASSERT_EQ(codes, want) << what << ": " << vectors << " vectors, head_dim " << shape.head_dim
                         << ", " << shape.kv_heads << " kv heads, " << shape.key_bits << " bits, "
                         << ElementName(type);
}

// `count` times the 16-bit elements `halves`, in turn.
std::vector<std::byte> Repeated(const std::vector<uint16_t>& halves, size_t count) {
  std::vector<std::byte> bytes(2 * count);
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(&bytes[2 * i], &halves[i % halves.size()], sizeof(uint16_t));
  }
  return bytes;
}

// float16 bits of the 11 leading bits of a positive `value`, which it loses.
uint16_t TakeHalf(float& value) {
  int exponent;
  std::frexp(value, &exponent);
  // Below 2^-14 all multiples of 2^-24 are subnormal.
  const int ulp = std::max(exponent - 11, -24);
  const float steps = std::floor(std::ldexp(value, -ulp));
  value -= std::ldexp(steps, ulp);
  const int mantissa = static_cast<int>(steps);
  if (mantissa < 1024) return static_cast<uint16_t>(mantissa);
  return static_cast<uint16_t>(((ulp + 25) << 10) + mantissa - 1024);
}

class EncodeGroupsTest : public ForcedTargetTest {};

TEST_P(EncodeGroupsTest, AnyCountOfVectorsOfAnyCountOfHeads) {
  Random random(1);
  for (const int kv_heads : {1, 2, 3, 5, 8, 16, 24, 32}) {
    for (const int64_t vectors : {1, 15, 16, 31, 32, 33, 47, 48, 63, 64, 160, 331}) {
      for (const int head_dim : {64, 128}) {
        const StoreFormat format = RandomFormat(random, ShapeOf(kv_heads, head_dim, 2));
        const ElementType type = kTypes[random() % 2];
        const TestVectors raw = RandomRaw(random, head_dim, vectors, type, RawKind::kHostile);
        ExpectPortableCodes(format, type, raw.bytes, "any count");
      }
    }
  }
}

TEST_P(EncodeGroupsTest, RowsThatEndInsideARegister) {
  Random random(2);
  for (const int head_dim : {33, 47, 48, 63, 64, 65, 80, 95, 96, 97, 112, 127, 128, 192}) {
    for (int bits = 1; bits <= kMaxKeyBits; ++bits) {
      for (const ElementType type : kTypes) {
        const StoreFormat format = RandomFormat(random, ShapeOf(2, head_dim, bits));
        const TestVectors raw = RandomRaw(random, head_dim, 2 * 41, type, RawKind::kHostile);
        ExpectPortableCodes(format, type, raw.bytes, "rows");
      }
    }
  }
}

TEST_P(EncodeGroupsTest, UnusualValuesAtScalesFromTheLeastToTheLargest) {
  const std::vector<std::vector<uint16_t>> kinds = {
      {0x0000},                          // 0
      {0x8000},                          // -0
      {0x0000, 0x8000, 0x8000},          // both
      {0x3C00},                          // all equal: every coordinate but the first is 0
      {0x3C00, 0xBC00},                  // and with signs
      {0x0001},                          // the least subnormal
      {0x0001, 0x8001, 0x03FF, 0x83FF},  // subnormals that cancel in part
      {0x7BFF},                          // the largest
      {0x7BFF, 0x0001, 0xFBFF, 0x8001},  // largest and least
      {0x7C00, 0x3C00, 0x4000},          // infinities of one sign
      {0x7C00, 0xFC00},                  // infinities that cancel to NaN
      {0x7E00, 0x3C00, 0x3C00, 0xFC01},  // NaN
  };
  for (const float scale : {0x1p-60f, 0x1p-26f, 0x1p-13f, 1.0f, 0x1p15f, 0x1p40f}) {
    for (const int head_dim : {64, 96, 128}) {
      for (int bits = 1; bits <= kMaxKeyBits; ++bits) {
        const StoreFormat format = MakeStoreFormat(ShapeOf(1, head_dim, bits), {scale});
        for (const ElementType type : kTypes) {
          for (const auto& kind : kinds) {
            ExpectPortableCodes(format, type, Repeated(kind, static_cast<size_t>(35 * head_dim)),
                                "kind " + std::to_string(kind[0]));
          }
        }
      }
    }
  }
}

// Three elements whose sum is a threshold to the last bit: a code counts what is exceeded, so the
// threshold itself is below and its negative counterpart the lowest code.
TEST_P(EncodeGroupsTest, ACoordinateThatIsAThresholdDoesNotExceedIt) {
  constexpr size_t kVectors = 32;
  for (const size_t head_dim : {size_t{64}, size_t{128}}) {
    const StoreFormat format = MakeStoreFormat(ShapeOf(1, static_cast<int>(head_dim), 2), {0.7f});
    for (const uint16_t sign : {0x0000, 0x8000}) {
      float rest = format.ThresholdsOf(0, 0)[2];
      std::vector<uint16_t> halves(kVectors * head_dim);
      for (int i = 0; i < 3; ++i) {
        const auto half = static_cast<uint16_t>(TakeHalf(rest) | sign);
        for (size_t v = 0; v < kVectors; ++v) halves[v * head_dim + static_cast<size_t>(i)] = half;
      }
      ASSERT_EQ(rest, 0.0f);
      const std::vector<std::byte> keys = Repeated(halves, halves.size());
      ExpectPortableCodes(format, ElementType::kFloat16, keys, "threshold");
      std::vector<std::byte> codes(kVectors * head_dim / 4);
      EncodeKeyVectors(format, 0, ElementType::kFloat16, keys, codes);
      for (size_t v = 0; v < kVectors; ++v) {
        const std::byte* code = &codes[v * head_dim / 4];
        EXPECT_EQ(code[0] & std::byte{1}, std::byte{0});
        EXPECT_EQ(code[head_dim / 8] & std::byte{1}, std::byte{sign == 0});
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EncodeGroupsTest, testing::ValuesIn(AvailableTargets()),
                         TargetName);

}  // namespace
}  // namespace kvsift
