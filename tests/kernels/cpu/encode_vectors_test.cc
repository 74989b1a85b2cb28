#include "kernels/cpu/encode_vectors.h"

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/encode/vector_codes.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/cpu/forced_target.h"

namespace kvsift {
namespace {

constexpr ElementType kTypes[] = {ElementType::kFloat16, ElementType::kBfloat16,
                                  ElementType::kFloat32};

std::vector<float> Rotated(const TestVectors& raw, int head_dim, size_t vector) {
  std::vector<float> rotated(static_cast<size_t>(PaddedDim(head_dim)));
  const auto vector_bytes = static_cast<size_t>(head_dim * ElementBytes(*raw.raw));
  RotateElements(&raw.bytes[vector * vector_bytes], *raw.raw, head_dim, rotated);
  return rotated;
}

class EncodeVectorsTest : public ForcedTargetTest {};

// Elements of any bit pattern: NaN, infinities and subnormals included.
TEST_P(EncodeVectorsTest, KeyCodesAreThoseOfThePortableEncoder) {
  Random random(1);
  constexpr size_t kVectors = 2 * 19;
  for (const int head_dim : {1, 32, 64, 80, 96, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const ElementType type : kTypes) {
        const StoreShape shape{
            .layers = 1, .kv_heads = 2, .query_heads = 2, .head_dim = head_dim, .key_bits = bits};
        const StoreFormat format = RandomFormat(random, shape);
        const TestVectors raw = RandomRaw(random, head_dim, kVectors, type, RawKind::kHostile);
        const auto code_bytes = static_cast<size_t>(CodeBytes(head_dim, bits));
        std::vector<std::byte> codes(kVectors * code_bytes);
        EncodeKeyVectors(format, 0, type, raw.bytes, codes);
        std::vector<std::byte> want(codes.size());
        for (size_t v = 0; v < kVectors; ++v) {
          EncodeKeyVector(Rotated(raw, head_dim, v),
                          format.ThresholdsOf(0, static_cast<int>(v % 2)), &want[v * code_bytes]);
        }
        ASSERT_EQ(codes, want) << head_dim << " " << bits << " " << ElementName(type);
      }
    }
  }
}

TEST_P(EncodeVectorsTest, QueryCodesAndScalesAreThoseOfThePortableEncoder) {
  Random random(2);
  constexpr size_t kVectors = 19;
  for (const int head_dim : {1, 32, 80, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const ElementType type : kTypes) {
        const TestVectors raw = RandomRaw(random, head_dim, kVectors, type, RawKind::kHostile);
        const auto fine_bytes = static_cast<size_t>(CodeBytes(head_dim, kFineQueryBits));
        const auto code_bytes = static_cast<size_t>(CodeBytes(head_dim, bits));
        std::vector<std::byte> fine(kVectors * fine_bytes);
        std::vector<float> scales(kVectors);
        std::vector<std::byte> codes(kVectors * code_bytes);
        EncodeQueryVectors(head_dim, bits, Estimator::kAsymmetricDot, type, kVectors, raw.bytes,
                           fine, scales);
        EncodeQueryVectors(head_dim, bits, Estimator::kDot, type, kVectors, raw.bytes, codes, {});
        std::vector<std::byte> want_fine(fine.size());
        std::vector<std::byte> want(codes.size());
        for (size_t v = 0; v < kVectors; ++v) {
          const auto rotated = Rotated(raw, head_dim, v);
          EXPECT_EQ(scales[v], EncodeFineQueryVector(rotated, &want_fine[v * fine_bytes]));
          EncodeQueryVector(rotated, bits, &want[v * code_bytes]);
        }
        ASSERT_EQ(fine, want_fine) << head_dim << " " << ElementName(type);
        ASSERT_EQ(codes, want) << head_dim << " " << bits << " " << ElementName(type);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EncodeVectorsTest, testing::ValuesIn(AvailableTargets()),
                         TargetName);

}  // namespace
}  // namespace kvsift
