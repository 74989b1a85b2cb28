#include "kernels/encode/encode.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/encode_vectors.h"
#include "kernels/encode/portable_encode.h"
#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

// Elements are checked in pieces of this many, by their bits.
constexpr size_t kCheckedPiece = 1024;

// True if one of `count` elements of `Word` bits has a magnitude, its bits without the sign, above
// that of `largest_valid`: for non-negative floats the order of bits is the order of values, and
// infinities and NaN come last.
template <typename Word>
bool AnyAbove(const std::byte* elements, size_t count, Word largest_valid) {
  constexpr Word kMagnitude = static_cast<Word>(~(Word{1} << (8 * sizeof(Word) - 1)));
  Word largest = 0;
  for (size_t i = 0; i < count; ++i) {
    Word bits;
    std::memcpy(&bits, elements + i * sizeof(Word), sizeof bits);
    largest = std::max(largest, static_cast<Word>(bits & kMagnitude));
  }
  return largest > largest_valid;
}

bool AnyInvalid(ElementType type, const std::byte* elements, size_t count) {
  switch (type) {
    case ElementType::kFloat16:
      return AnyAbove<int16_t>(elements, count, 0x7BFF);  // 65504, the largest finite one
    case ElementType::kBfloat16:
      return AnyAbove<int16_t>(elements, count, 0x4F80);  // 2^32
    case ElementType::kFloat32:
      return AnyAbove<int32_t>(elements, count, 0x4F800000);  // 2^32
  }
  return true;
}

}  // namespace

void EncodeKeys(const StoreFormat& format, int layer, ElementType type,
                std::span<const std::byte> keys, std::span<std::byte> codes) {
  assert(codes.size() * static_cast<size_t>(format.shape.head_dim * ElementBytes(type)) ==
         keys.size() *
             static_cast<size_t>(CodeBytes(format.shape.head_dim, format.shape.key_bits)));
  if (CheckCpuBackend().ok()) {
    EncodeKeyVectors(format, layer, type, keys, codes);
  } else {
    EncodeKeysPortably(format, layer, type, keys, codes);
  }
}

void EncodeQueries(int head_dim, int key_bits, Estimator estimator, ElementType type,
                   int64_t vectors, std::span<const std::byte> queries, std::span<std::byte> codes,
                   std::span<float> scales) {
  if (CheckCpuBackend().ok()) {
    EncodeQueryVectors(head_dim, key_bits, estimator, type, vectors, queries, codes, scales);
  } else {
    EncodeQueriesPortably(head_dim, key_bits, estimator, type, vectors, queries, codes, scales);
  }
}

int64_t FirstInvalidElement(ElementType type, std::span<const std::byte> elements) {
  const size_t element_bytes = static_cast<size_t>(ElementBytes(type));
  const size_t count = elements.size() / element_bytes;
  for (size_t begin = 0; begin < count; begin += kCheckedPiece) {
    const size_t end = std::min(begin + kCheckedPiece, count);
    if (!AnyInvalid(type, elements.data() + begin * element_bytes, end - begin)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (AnyInvalid(type, elements.data() + i * element_bytes, 1)) return static_cast<int64_t>(i);
    }
  }
  return -1;
}

}  // namespace kvsift
