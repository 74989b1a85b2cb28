#include "kernels/encode/encode.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/encode/vector_codes.h"
#include "kernels/encode/wire_codes.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/golden/golden_cases.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<GoldenEncoding> GoldenCases() { return ReadGoldenEncodings(TestData("golden")); }

StoreFormat SingleHead(const GoldenEncoding& golden, int bits) {
  return MakeStoreFormat(
      {.layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = golden.head_dim, .key_bits = bits},
      {golden.key_scale});
}

std::vector<std::byte> BytesOf(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(EncodeTest, GoldenKeysHaveTheirLiteralCodes) {
  for (const GoldenEncoding& golden : GoldenCases()) {
    for (int bits = 1; bits <= kMaxKeyBits; ++bits) {
      std::vector<std::byte> codes(static_cast<size_t>(CodeBytes(golden.head_dim, bits)));
      EncodeKeys(SingleHead(golden, bits), 0, ElementType::kFloat32, golden.elements, codes);
      EXPECT_EQ(codes, golden.key[static_cast<size_t>(bits - 1)]) << golden.kind << " " << bits;
    }
  }
}

TEST(EncodeTest, GoldenQueriesHaveTheirLiteralCodes) {
  for (const GoldenEncoding& golden : GoldenCases()) {
    for (int bits = 1; bits <= kMaxKeyBits; ++bits) {
      std::vector<std::byte> codes(static_cast<size_t>(CodeBytes(golden.head_dim, bits)));
      EncodeQueries(golden.head_dim, bits, Estimator::kManhattan, ElementType::kFloat32, 1,
                    golden.elements, codes, {});
      EXPECT_EQ(codes, golden.query[static_cast<size_t>(bits - 1)]) << golden.kind << " " << bits;
    }
  }
}

TEST(EncodeTest, GoldenFineQueriesHaveTheirLiteralCodesAndScales) {
  for (const GoldenEncoding& golden : GoldenCases()) {
    std::vector<std::byte> codes(static_cast<size_t>(CodeBytes(golden.head_dim, kFineQueryBits)));
    std::vector<float> scales(1, -1.0f);
    EncodeQueries(golden.head_dim, 2, Estimator::kAsymmetricDot, ElementType::kFloat32, 1,
                  golden.elements, codes, scales);
    EXPECT_EQ(codes, golden.fine_query) << golden.kind;
    EXPECT_EQ(scales[0], golden.fine_query_scale) << golden.kind;
    EXPECT_EQ(FirstInvalidQueryCode(codes, PaddedDim(golden.head_dim)), -1);
  }
}

// Many vectors in one call are the vectors one by one, each with its own head's thresholds.
TEST(EncodeTest, ManyVectorsAreEncodedAsOneByOne) {
  Random random(1);
  for (const int head_dim : {1, 5, 32, 80, 127, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const ElementType type :
           {ElementType::kFloat16, ElementType::kBfloat16, ElementType::kFloat32}) {
        const StoreShape shape{
            .layers = 2, .kv_heads = 3, .query_heads = 3, .head_dim = head_dim, .key_bits = bits};
        const StoreFormat format = RandomFormat(random, shape);
        const TestVectors raw = RandomRaw(random, head_dim, 3 * 11, type, RawKind::kHostile);
        std::vector<std::byte> codes(static_cast<size_t>(11 * shape.key_bytes_per_position()));
        EncodeKeys(format, 1, type, raw.bytes, codes);
        std::vector<std::byte> want;
        for (int v = 0; v < 3 * 11; ++v) {
          std::vector<float> rotated(static_cast<size_t>(PaddedDim(head_dim)));
          RotateElements(raw.bytes.data() + v * head_dim * ElementBytes(type), type, head_dim,
                         rotated);
          std::vector<std::byte> code(static_cast<size_t>(CodeBytes(head_dim, bits)));
          EncodeKeyVector(rotated, format.ThresholdsOf(1, v % 3), code.data());
          want.insert(want.end(), code.begin(), code.end());
        }
        ASSERT_EQ(codes, want) << head_dim << " " << bits << " " << ElementName(type);
      }
    }
  }
}

TEST(EncodeTest, ManyQueriesAreEncodedAsOneByOne) {
  Random random(2);
  for (const int head_dim : {1, 32, 80, 128, 256}) {
    for (const ElementType type :
         {ElementType::kFloat16, ElementType::kBfloat16, ElementType::kFloat32}) {
      const TestVectors raw = RandomRaw(random, head_dim, 37, type, RawKind::kHostile);
      for (const Estimator estimator : {Estimator::kDot, Estimator::kAsymmetricDot}) {
        const auto code_bytes = static_cast<size_t>(CodeBytes(head_dim, QueryPlanes(estimator, 3)));
        std::vector<std::byte> codes(37 * code_bytes);
        std::vector<float> scales(HasQueryScales(estimator) ? 37 : 0);
        EncodeQueries(head_dim, 3, estimator, type, 37, raw.bytes, codes, scales);
        for (size_t v = 0; v < 37; ++v) {
          std::vector<float> rotated(static_cast<size_t>(PaddedDim(head_dim)));
          RotateElements(&raw.bytes[v * static_cast<size_t>(head_dim * ElementBytes(type))], type,
                         head_dim, rotated);
          std::vector<std::byte> code(code_bytes);
          if (HasQueryScales(estimator)) {
            EXPECT_EQ(scales[v], EncodeFineQueryVector(rotated, code.data()));
          } else {
            EncodeQueryVector(rotated, 3, code.data());
          }
          ASSERT_EQ(std::memcmp(code.data(), &codes[v * code_bytes], code_bytes), 0);
        }
      }
    }
  }
}

TEST(VectorCodesTest, FineCodesRoundHalfToEven) {
  std::vector<float> rotated(32, 0.0f);
  const std::vector<float> first = {7.0f, 3.5f, 2.5f, 1.5f, 0.5f, -0.5f, -2.5f, -7.0f, kNan};
  std::copy(first.begin(), first.end(), rotated.begin());
  std::vector<std::byte> words(16);
  EXPECT_EQ(EncodeFineQueryVector(rotated, words.data()), 1.0f);
  std::vector<int8_t> codes(32);
  UnpackSignedPlanes(words.data(), codes);
  codes.resize(10);
  EXPECT_THAT(codes, ElementsAre(7, 4, 2, 2, 0, 0, -2, -7, 0, 0));
}

TEST(VectorCodesTest, InfinityMakesTheScaleInfiniteAndEveryFineCodeZero) {
  std::vector<float> rotated(32, 1.0f);
  rotated[3] = -kInfinity;
  std::vector<std::byte> words(16, std::byte{0xff});
  EXPECT_EQ(EncodeFineQueryVector(rotated, words.data()), kInfinity);
  EXPECT_THAT(words, Each(std::byte{0}));
}

TEST(VectorCodesTest, TheRootMeanSquareOfEqualMagnitudesIsTheMagnitude) {
  std::vector<float> rotated(64, 3.0f);
  for (size_t i = 0; i < 64; i += 2) rotated[i] = -3.0f;
  EXPECT_EQ(RootMeanSquare(rotated), 3.0f);
}

TEST(EncodeTest, TheFirstElementThatIsNotFiniteOrTooLargeIsFound) {
  const float largest = 4294967296.0f;
  EXPECT_EQ(FirstInvalidElement(ElementType::kFloat32, BytesOf({1, -largest, largest, 0})), -1);
  EXPECT_EQ(FirstInvalidElement(ElementType::kFloat32, {}), -1);
  for (const float bad : {kNan, kInfinity, -kInfinity, std::nextafter(largest, kInfinity)}) {
    EXPECT_EQ(FirstInvalidElement(ElementType::kFloat32, BytesOf({1, 2, bad, kNan})), 2);
  }
  const std::vector<std::byte> half = {std::byte{0xff}, std::byte{0x7b}, std::byte{0x00},
                                       std::byte{0x7c}};  // 65504, infinity
  EXPECT_EQ(FirstInvalidElement(ElementType::kFloat16, half), 1);
  EXPECT_EQ(FirstInvalidElement(ElementType::kBfloat16, half), 0);  // 2.7e36
}

TEST(EncodeTest, AnInvalidElementIsFoundAnywhereInALongMessage) {
  for (const size_t at : {0u, 1u, 1023u, 1024u, 2047u, 2048u, 2999u}) {
    std::vector<float> values(3000, -1.0f);
    EXPECT_EQ(FirstInvalidElement(ElementType::kFloat32, BytesOf(values)), -1);
    values[at] = -kInfinity;
    values[2999] = kNan;
    EXPECT_EQ(FirstInvalidElement(ElementType::kFloat32, BytesOf(values)),
              static_cast<int64_t>(at));
  }
}

}  // namespace
}  // namespace kvsift
