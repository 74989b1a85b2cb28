#include "kvsift/store.h"

#include <algorithm>

namespace kvsift::client {

StoreShape StoreConfig::Shape() const {
  StoreShape shape;
  shape.layers = static_cast<int>(layer_ids.size());
  shape.kv_heads = kv_heads;
  shape.query_heads = query_heads;
  shape.head_dim = head_dim;
  shape.key_bits = key_bits;
  return shape;
}

StoreFormat Store::Format() const { return MakeStoreFormat(config.Shape(), config.key_scales); }

std::optional<int> Store::LayerIndex(int32_t layer_id) const {
  const auto& ids = config.layer_ids;
  const auto found = std::lower_bound(ids.begin(), ids.end(), layer_id);
  if (found == ids.end() || *found != layer_id) return std::nullopt;
  return static_cast<int>(found - ids.begin());
}

}  // namespace kvsift::client
