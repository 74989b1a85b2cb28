#include "client/cpp/key_source.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/sizes.h"
#include "kernels/encode/encode.h"

namespace kvsift::client {

absl::StatusOr<KeySource> KeySource::Make(const Store& store, std::span<const int32_t> layer_ids,
                                          int64_t tokens, const Vectors& keys, EncodeOn encode) {
  KeySource source;
  for (const int32_t id : layer_ids) {
    const std::optional<int> index = store.LayerIndex(id);
    if (!index.has_value()) {
      return absl::NotFoundError(
          absl::StrCat("layer_ids: store ", store.config.name, " has no layer ", id));
    }
    source.layers_.push_back(*index);
  }
  const StoreShape shape = store.config.Shape();
  const int64_t code_bytes = shape.key_bytes_per_position();
  const int64_t raw_bytes =
      keys.raw ? int64_t{shape.kv_heads} * shape.head_dim * ElementBytes(*keys.raw) : 0;
  source.tokens_ = tokens;
  source.keys_ = keys;
  source.given_bytes_ = keys.raw ? raw_bytes : code_bytes;
  const absl::Status size = CheckBytes(
      "keys", keys.bytes.size(), source.layers() * tokens * source.given_bytes_,
      absl::StrCat(source.layers(), " layers x ", tokens, " keys x ", source.given_bytes_));
  if (!size.ok()) return size;
  if (keys.raw && tokens > 0 && store.config.key_scales.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("keys: raw, but store ", store.config.name,
                                                      " has no key scales and takes codes only"));
  }
  const bool encodes = keys.raw && encode == EncodeOn::kClient && tokens > 0 &&
                       FirstInvalidElement(*keys.raw, keys.bytes) < 0;
  if (encodes) source.format_ = store.Format();
  source.wire_type_ = encodes ? std::nullopt : keys.raw;
  source.wire_bytes_ = encodes ? code_bytes : source.given_bytes_;
  return source;
}

void KeySource::Write(int layer, int64_t first, int64_t count, std::span<std::byte> out) const {
  if (count == 0) return;
  const std::span<const std::byte> given =
      keys_.bytes.subspan((layer * tokens_ + first) * given_bytes_, count * given_bytes_);
  if (wire_type_ == keys_.raw) {
    std::copy(given.begin(), given.end(), out.begin());
  } else {
    EncodeKeys(format_, layers_[layer], *keys_.raw, given, out);
  }
}

}  // namespace kvsift::client
