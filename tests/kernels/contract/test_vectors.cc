#include "tests/kernels/contract/test_vectors.h"

#include <algorithm>
#include <utility>

#include "kernels/encode/wire_codes.h"
#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

std::vector<std::byte> RandomBytes(Random& random, int64_t count) {
  std::vector<std::byte> bytes(static_cast<size_t>(count));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
  return bytes;
}

// Bits of an element of `type` with magnitude 2^-6 to 2^2, or any bits at all.
uint32_t RandomElementBits(Random& random, ElementType type, RawKind kind) {
  const uint32_t bits = random();
  if (kind == RawKind::kHostile && Below(random, 24) == 0) {
    return Below(random, 4) == 0 ? (bits & 1) << 31 | 0x7f800000u : bits;
  }
  const uint32_t sign = bits >> 31;
  const uint32_t steps = static_cast<uint32_t>(Below(random, 8));
  switch (type) {
    case ElementType::kFloat16:
      return sign << 15 | (15 - 6 + steps) << 10 | (bits & 0x3ff);
    case ElementType::kBfloat16:
      return sign << 15 | (127 - 6 + steps) << 7 | (bits & 0x7f);
    case ElementType::kFloat32:
      return sign << 31 | (127 - 6 + steps) << 23 | (bits & 0x7fffff);
  }
  return 0;
}

}  // namespace

int64_t Below(Random& random, int64_t limit) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(limit));
}

StoreFormat RandomFormat(Random& random, const StoreShape& shape) {
  std::vector<float> scales;
  for (int i = 0; i < shape.layers * shape.kv_heads; ++i) {
    scales.push_back(0.5f + static_cast<float>(Below(random, 1536)) / 1024.0f);
  }
  return MakeStoreFormat(shape, std::move(scales));
}

TestVectors RandomKeyCodes(Random& random, const StoreShape& shape, int64_t count) {
  return {.bytes = RandomBytes(random, count * shape.key_bytes_per_position()),
          .raw = std::nullopt,
          .scales = {}};
}

TestVectors RepeatedKeyCode(Random& random, const StoreShape& shape, int64_t count) {
  const std::vector<std::byte> one = RandomBytes(random, shape.key_bytes_per_position());
  TestVectors keys;
  for (int64_t i = 0; i < count; ++i) keys.bytes.insert(keys.bytes.end(), one.begin(), one.end());
  return keys;
}

TestVectors RandomQueryCodes(Random& random, const StoreShape& shape, Estimator estimator,
                             int64_t tokens) {
  const int64_t vectors = tokens * shape.query_heads;
  TestVectors queries;
  if (!HasQueryScales(estimator)) {
    queries.bytes = RandomBytes(random, vectors * CodeBytes(shape.head_dim, shape.key_bits));
    return queries;
  }
  const int64_t code_bytes = CodeBytes(shape.head_dim, kFineQueryBits);
  queries.bytes.resize(static_cast<size_t>(vectors * code_bytes));
  std::vector<int8_t> code(static_cast<size_t>(shape.padded_dim()));
  for (int64_t v = 0; v < vectors; ++v) {
    const bool zero = Below(random, 8) == 0;
    for (int8_t& value : code) {
      value = zero ? int8_t{0} : static_cast<int8_t>(Below(random, 15) - kFineQueryMax);
    }
    PackPlanes(code, kFineQueryBits, queries.bytes.data() + v * code_bytes);
    queries.scales.push_back(zero ? 0.0f
                                  : static_cast<float>(1 + Below(random, 1 << 20)) * 0x1p-16f);
  }
  return queries;
}

TestVectors RandomRaw(Random& random, int head_dim, int64_t vectors, ElementType type,
                      RawKind kind) {
  TestVectors raw;
  raw.raw = type;
  for (int64_t i = 0; i < vectors * head_dim; ++i) {
    uint32_t bits = RandomElementBits(random, type, kind);
    for (int b = 0; b < ElementBytes(type); ++b, bits >>= 8) {
      raw.bytes.push_back(static_cast<std::byte>(bits & 0xff));
    }
  }
  return raw;
}

}  // namespace kvsift
