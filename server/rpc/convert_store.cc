#include "server/rpc/convert_store.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/engine/field_error.h"
#include "server/engine/store_config.h"
#include "server/rpc/convert_fields.h"

namespace kvsift {
namespace {

constexpr char kStoreTokenTag[] = "store:";
constexpr char kSequenceTokenTag[] = "sequence:";

}  // namespace

StoreConfig ConvertStoreConfig(const v1::StoreConfig& config) {
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
  store.mutable_level_counts()->Add(info.level_counts.begin(), info.level_counts.end());
  if (!info.deviation.has_value()) return;
  v1::LevelDeviation& deviation = *store.mutable_level_deviation();
  deviation.set_layer_id(info.deviation->layer_id);
  deviation.set_kv_head(info.deviation->kv_head);
  deviation.set_deviation(info.deviation->deviation);
  deviation.set_limit(kLevelDeviationLimit);
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
