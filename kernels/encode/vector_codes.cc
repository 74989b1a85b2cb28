#include "kernels/encode/vector_codes.h"

#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/encode/rotation.h"
#include "kernels/encode/wire_codes.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/quantizer.h"

namespace kvsift {
namespace {

// Largest components below this encode as a zero vector: their scale would lose precision.
constexpr float kSmallestFineQuery = 0x1p-100f;

using Codes = std::array<int8_t, kMaxHeadDim>;

}  // namespace

void RotateElements(const std::byte* elements, ElementType type, int head_dim,
                    std::span<float> rotated) {
  assert(std::ssize(rotated) == PaddedDim(head_dim));
  for (int i = 0; i < std::ssize(rotated); ++i) {
    rotated[static_cast<size_t>(i)] =
        i < head_dim ? LoadElement(elements + i * ElementBytes(type), type) : 0.0f;
  }
  Rotate(rotated);
}

void EncodeKeyVector(std::span<const float> rotated, std::span<const float> thresholds,
                     std::byte* words) {
  Codes codes;
  for (size_t i = 0; i < rotated.size(); ++i) {
    codes[i] = static_cast<int8_t>(QuantizeCoordinate(rotated[i], thresholds));
  }
  const int planes = std::bit_width(thresholds.size());
  PackPlanes(std::span(codes).first(rotated.size()), planes, words);
}

float RootMeanSquare(std::span<const float> rotated) {
  std::array<float, kMaxHeadDim> sums;
  for (size_t i = 0; i < rotated.size(); ++i) sums[i] = rotated[i] * rotated[i];
  for (size_t width = rotated.size() / 2; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) sums[i] = sums[i] + sums[i + width];
  }
  return std::sqrt(sums[0] / static_cast<float>(rotated.size()));
}

void EncodeQueryVector(std::span<const float> rotated, int key_bits, std::byte* words) {
  const float scale = RootMeanSquare(rotated);
  std::vector<float> thresholds;
  for (const double multiple : ThresholdMultiples(key_bits)) {
    thresholds.push_back(static_cast<float>(multiple) * scale);
  }
  EncodeKeyVector(rotated, thresholds, words);
}

float EncodeFineQueryVector(std::span<const float> rotated, std::byte* words) {
  float largest = 0;
  for (const float x : rotated) {
    if (std::fabs(x) > largest) largest = std::fabs(x);
  }
  Codes codes{};
  float scale = 0;
  if (!(largest < kSmallestFineQuery)) {
    scale = largest / static_cast<float>(kFineQueryMax);
    for (size_t i = 0; i < rotated.size(); ++i) {
      const float code = std::rint(rotated[i] / scale);
      codes[i] = std::isnan(code) ? int8_t{0} : static_cast<int8_t>(code);
    }
  }
  PackPlanes(std::span(codes).first(rotated.size()), kFineQueryBits, words);
  return scale;
}

}  // namespace kvsift
