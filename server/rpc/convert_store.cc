#include "server/rpc/convert_store.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/format/quantizer.h"
#include "server/rpc/convert_fields.h"

namespace kvsift {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr int kMaxLayers = 1024;
constexpr int kMaxLayerId = 65535;
constexpr int kMaxKvHeads = 256;
constexpr int kMaxQueryHeads = 1024;
constexpr char kStoreTokenTag[] = "store:";
constexpr char kSequenceTokenTag[] = "sequence:";

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '/' ||
         c == '-';
}

bool IsStoreName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (const char c : name) {
    if (!IsNameCharacter(c)) return false;
  }
  return true;
}

absl::Status CheckName(std::string_view name) {
  if (IsStoreName(name)) return absl::OkStatus();
  return InvalidField("config.name", name, "1 to 128 of [A-Za-z0-9._/-]");
}

absl::Status CheckLayerIds(const v1::StoreConfig& config) {
  const auto& ids = config.layer_ids();
  absl::Status valid = CheckRange("config.layer_ids.size", ids.size(), 1, kMaxLayers);
  for (int i = 0; valid.ok() && i < ids.size(); ++i) {
    const std::string field = Indexed("config.layer_ids", i);
    valid = CheckRange(field, ids[i], 0, kMaxLayerId);
    if (valid.ok() && i > 0 && ids[i] <= ids[i - 1]) {
      valid = InvalidField(field, ids[i], absl::StrCat("more than ", ids[i - 1], ", ascending"));
    }
  }
  return valid;
}

absl::Status CheckHeads(const v1::StoreConfig& config) {
  absl::Status valid = CheckRange("config.kv_heads", config.kv_heads(), 1, kMaxKvHeads);
  if (!valid.ok()) return valid;
  const int heads = config.query_heads();
  if (heads < 1 || heads > kMaxQueryHeads || heads % config.kv_heads() != 0) {
    return InvalidField(
        "config.query_heads", heads,
        absl::StrCat("a multiple of kv_heads = ", config.kv_heads(), ", at most ", kMaxQueryHeads));
  }
  valid = CheckRange("config.head_dim", config.head_dim(), 1, kMaxHeadDim);
  if (!valid.ok()) return valid;
  return CheckRange("config.key_bits", config.key_bits(), 1, kMaxKeyBits);
}

absl::Status CheckKeyScales(const v1::StoreConfig& config) {
  const auto& scales = config.key_scales();
  if (scales.empty()) return absl::OkStatus();
  absl::Status valid =
      CheckSize("config.key_scales", scales.size(),
                int64_t{config.layer_ids_size()} * config.kv_heads(), "layers x kv_heads, or none");
  if (!valid.ok()) return valid;
  for (int i = 0; i < scales.size(); ++i) {
    if (scales[i] >= kMinKeyScale && scales[i] <= kMaxKeyScale) continue;  // false for NaN
    return InvalidField(Indexed("config.key_scales", i), absl::StrCat(scales[i]), "2^-60 to 2^40");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoreConfig> ConvertStoreConfig(const v1::StoreConfig& config, int device_count) {
  absl::Status valid = CheckName(config.name());
  if (valid.ok()) valid = CheckLayerIds(config);
  if (valid.ok()) valid = CheckHeads(config);
  if (valid.ok()) valid = CheckKeyScales(config);
  if (valid.ok()) valid = CheckRange("config.device", config.device(), 0, device_count - 1);
  if (!valid.ok()) return valid;
  StoreConfig converted;
  converted.name = config.name();
  converted.layer_ids.assign(config.layer_ids().begin(), config.layer_ids().end());
  converted.shape.layers = config.layer_ids_size();
  converted.shape.kv_heads = config.kv_heads();
  converted.shape.query_heads = config.query_heads();
  converted.shape.head_dim = config.head_dim();
  converted.shape.key_bits = config.key_bits();
  converted.key_scales.assign(config.key_scales().begin(), config.key_scales().end());
  converted.device = config.device();
  return converted;
}

void FillStore(const StoreInfo& info, v1::Store& store) {
  v1::StoreConfig& config = *store.mutable_config();
  const StoreShape& shape = info.config.shape;
  config.set_name(info.config.name);
  config.mutable_layer_ids()->Add(info.config.layer_ids.begin(), info.config.layer_ids.end());
  config.set_kv_heads(shape.kv_heads);
  config.set_query_heads(shape.query_heads);
  config.set_head_dim(shape.head_dim);
  config.set_key_bits(shape.key_bits);
  config.mutable_key_scales()->Add(info.config.key_scales.begin(), info.config.key_scales.end());
  config.set_device(info.config.device);
  store.mutable_thresholds()->Add(info.thresholds.begin(), info.thresholds.end());
  store.set_fingerprint(info.fingerprint);
  store.set_sequences(info.sequences);
  store.set_resident_bytes(info.resident_bytes);
  store.set_page_bytes(info.page_bytes);
  store.set_page_positions(info.page_positions);
}

void FillSequence(const SequenceInfo& info, std::span<const int32_t> layer_ids,
                  v1::Sequence& sequence) {
  sequence.set_id(info.id);
  sequence.set_epoch(info.epoch);
  sequence.set_pages(info.pages);
  for (size_t i = 0; i < info.lengths.size() && i < layer_ids.size(); ++i) {
    v1::LayerLength& layer = *sequence.add_layers();
    layer.set_layer_id(layer_ids[i]);
    layer.set_length(info.lengths[i]);
  }
}

std::string StorePageToken(std::string_view last_name) {
  return kStoreTokenTag + std::string(last_name);
}

std::string SequencePageToken(uint64_t last_id) { return absl::StrCat(kSequenceTokenTag, last_id); }

absl::StatusOr<std::string> ConvertStorePageToken(std::string_view token) {
  if (token.empty()) return std::string();
  absl::string_view name(token.data(), token.size());
  if (!absl::ConsumePrefix(&name, kStoreTokenTag) || !IsStoreName({name.data(), name.size()})) {
    return InvalidField("page_token", token, "a next_page_token of ListStores");
  }
  return std::string(name);
}

absl::StatusOr<std::optional<uint64_t>> ConvertSequencePageToken(std::string_view token) {
  if (token.empty()) return std::nullopt;
  absl::string_view digits(token.data(), token.size());
  uint64_t id = 0;
  if (!absl::ConsumePrefix(&digits, kSequenceTokenTag) || !absl::SimpleAtoi(digits, &id) ||
      SequencePageToken(id) != token) {
    return InvalidField("page_token", token, "a next_page_token of ListSequences");
  }
  return id;
}

}  // namespace kvsift
