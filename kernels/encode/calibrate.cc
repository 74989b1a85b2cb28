#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/encode/encode.h"
#include "kernels/encode/vector_codes.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/quantizer.h"

namespace kvsift {

absl::StatusOr<std::vector<float>> CalibrateKeyScales(int head_dim, int kv_heads, int64_t tokens,
                                                      ElementType type,
                                                      std::span<const std::byte> keys) {
  if (tokens < 1) {
    return absl::InvalidArgumentError(absl::StrCat("tokens: ", tokens, ", must be at least 1"));
  }
  const double dim = PaddedDim(head_dim);
  const int64_t vector_bytes = int64_t{head_dim} * ElementBytes(type);
  std::array<float, kMaxHeadDim> buffer;
  const auto rotated = std::span(buffer).first(static_cast<size_t>(PaddedDim(head_dim)));
  std::vector<double> sums(static_cast<size_t>(kv_heads), 0.0);
  for (int64_t v = 0; v < tokens * kv_heads; ++v) {
    RotateElements(keys.data() + v * vector_bytes, type, head_dim, rotated);
    double& sum = sums[static_cast<size_t>(v % kv_heads)];
    for (const float x : rotated) sum += static_cast<double>(x) * static_cast<double>(x);
  }
  std::vector<float> scales;
  for (const double sum : sums) {
    const double mean = sum / (dim * static_cast<double>(tokens) * dim);
    const float scale = static_cast<float>(std::sqrt(mean));
    if (!(scale >= kMinKeyScale && scale <= kMaxKeyScale)) {
      return absl::InvalidArgumentError(absl::StrCat("kv head ", scales.size(), ": key scale ",
                                                     scale, ", must be ", kMinKeyScale, " to ",
                                                     kMaxKeyScale));
    }
    scales.push_back(scale);
  }
  return scales;
}

}  // namespace kvsift
