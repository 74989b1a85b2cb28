#include "server/engine/key_overlap.h"

#include <algorithm>
#include <span>

#include "kernels/encode/encode.h"

namespace kvsift {

KeyOverlap::KeyOverlap(const StoreFormat& format, int layer, int64_t start, int64_t count)
    : layer_(layer),
      start_(start),
      count_(count),
      stored_(static_cast<size_t>(count * format.shape.key_bytes_per_position())) {}

KeyRead KeyOverlap::Read(const BackendStore& store, const PageTable& table) {
  return {.store = &store,
          .table = &table,
          .layer = layer_,
          .start = start_,
          .count = count_,
          .codes = stored_};
}

std::optional<int64_t> KeyOverlap::FirstDifference(const StoreFormat& format,
                                                   const VectorData& keys) const {
  std::vector<std::byte> encoded;
  std::span<const std::byte> codes = keys.bytes;
  if (keys.raw.has_value()) {
    const StoreShape& shape = format.shape;
    const int64_t raw_bytes = count_ * shape.kv_heads * shape.head_dim * ElementBytes(*keys.raw);
    encoded.resize(stored_.size());
    EncodeKeys(format, layer_, *keys.raw, keys.bytes.first(raw_bytes), encoded);
    codes = encoded;
  }
  const auto difference = std::mismatch(stored_.begin(), stored_.end(), codes.begin()).first;
  if (difference == stored_.end()) return std::nullopt;
  return start_ + (difference - stored_.begin()) / format.shape.key_bytes_per_position();
}

}  // namespace kvsift
