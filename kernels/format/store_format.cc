#include "kernels/format/store_format.h"

#include <cassert>
#include <utility>

#include "kernels/format/quantizer.h"

namespace kvsift {

std::span<const float> StoreFormat::ThresholdsOf(int layer, int kv_head) const {
  assert(has_key_scales());
  const size_t count = static_cast<size_t>(ThresholdCount(shape.key_bits));
  const size_t head = static_cast<size_t>(layer) * shape.kv_heads + kv_head;
  return std::span(thresholds).subspan(head * count, count);
}

std::span<const float> StoreFormat::KeyScalesOf(int layer) const {
  if (!has_key_scales()) return {};
  const size_t count = static_cast<size_t>(shape.kv_heads);
  return std::span(key_scales).subspan(static_cast<size_t>(layer) * count, count);
}

StoreFormat MakeStoreFormat(const StoreShape& shape, std::vector<float> key_scales) {
  StoreFormat format{.shape = shape, .key_scales = std::move(key_scales), .thresholds = {}};
  for (const float key_scale : format.key_scales) {
    const std::vector<float> own = KeyThresholds(key_scale, shape.head_dim, shape.key_bits);
    format.thresholds.insert(format.thresholds.end(), own.begin(), own.end());
  }
  return format;
}

}  // namespace kvsift
