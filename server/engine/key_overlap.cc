#include "server/engine/key_overlap.h"

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/encode/encode.h"

namespace kvsift {

KeyOverlap::KeyOverlap(const StoreFormat& format, int layer, int64_t start, int64_t count)
    : layer_(layer),
      start_(start),
      count_(count),
      bytes_(count * format.shape.key_bytes_per_position()),
      stored_(std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(bytes_))) {}

KeyRead KeyOverlap::Read(const BackendStore& store, const PageTable& table) {
  return {.store = &store,
          .table = &table,
          .layer = layer_,
          .start = start_,
          .count = count_,
          .codes = {stored_.get(), static_cast<size_t>(bytes_)}};
}

std::optional<int64_t> KeyOverlap::FirstDifference(const StoreFormat& format,
                                                   const VectorData& keys) const {
  std::vector<std::byte> encoded;
  std::span<const std::byte> codes = keys.bytes;
  if (keys.raw.has_value()) {
    const StoreShape& shape = format.shape;
    const int64_t raw_bytes = count_ * shape.kv_heads * shape.head_dim * ElementBytes(*keys.raw);
    encoded.resize(static_cast<size_t>(bytes_));
    EncodeKeys(format, layer_, *keys.raw, keys.bytes.first(raw_bytes), encoded);
    codes = encoded;
  }
  const std::span<const std::byte> stored(stored_.get(), static_cast<size_t>(bytes_));
  const auto difference = std::mismatch(stored.begin(), stored.end(), codes.begin()).first;
  if (difference == stored.end()) return std::nullopt;
  return start_ + (difference - stored.begin()) / format.shape.key_bytes_per_position();
}

}  // namespace kvsift
