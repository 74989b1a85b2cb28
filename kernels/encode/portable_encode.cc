#include "kernels/encode/portable_encode.h"

#include <array>
#include <cassert>

#include "kernels/encode/vector_codes.h"
#include "kernels/format/code_shape.h"

namespace kvsift {

void EncodeKeysPortably(const StoreFormat& format, int layer, ElementType type,
                        std::span<const std::byte> keys, std::span<std::byte> codes) {
  const StoreShape& shape = format.shape;
  const size_t vector_bytes = static_cast<size_t>(shape.head_dim * ElementBytes(type));
  const size_t code_bytes = static_cast<size_t>(CodeBytes(shape.head_dim, shape.key_bits));
  const size_t vectors = keys.size() / vector_bytes;
  assert(codes.size() == vectors * code_bytes);
  std::array<float, kMaxHeadDim> buffer;
  const auto rotated = std::span(buffer).first(static_cast<size_t>(shape.padded_dim()));
  for (size_t v = 0; v < vectors; ++v) {
    const int kv_head = static_cast<int>(v % static_cast<size_t>(shape.kv_heads));
    RotateElements(&keys[v * vector_bytes], type, shape.head_dim, rotated);
    EncodeKeyVector(rotated, format.ThresholdsOf(layer, kv_head), &codes[v * code_bytes]);
  }
}

void EncodeQueriesPortably(int head_dim, int key_bits, Estimator estimator, ElementType type,
                           int64_t vectors, std::span<const std::byte> queries,
                           std::span<std::byte> codes, std::span<float> scales) {
  const size_t vector_bytes = static_cast<size_t>(head_dim * ElementBytes(type));
  const int planes = QueryPlanes(estimator, key_bits);
  const size_t code_bytes = static_cast<size_t>(CodeBytes(head_dim, planes));
  std::array<float, kMaxHeadDim> buffer;
  const auto rotated = std::span(buffer).first(static_cast<size_t>(PaddedDim(head_dim)));
  for (size_t v = 0; v < static_cast<size_t>(vectors); ++v) {
    RotateElements(&queries[v * vector_bytes], type, head_dim, rotated);
    if (HasQueryScales(estimator)) {
      scales[v] = EncodeFineQueryVector(rotated, &codes[v * code_bytes]);
    } else {
      EncodeQueryVector(rotated, key_bits, &codes[v * code_bytes]);
    }
  }
}

}  // namespace kvsift
