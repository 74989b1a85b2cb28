#include "server/rpc/convert_keys.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_values.h"

namespace kvsift {
namespace {

constexpr uint64_t kAnyEpoch = std::numeric_limits<uint64_t>::max();

bool HasLayer(int32_t layer_id, const StoreDescription& store) {
  const auto& ids = store.config.layer_ids;
  return std::binary_search(ids.begin(), ids.end(), layer_id);
}

absl::Status ConvertLayers(const v1::KeyBatch& batch, const StoreDescription& store, bool is_step,
                           StepInput& input) {
  const auto& ids = batch.layer_ids();
  if (is_step && ids.size() != 1) return CheckSize("keys.layer_ids", ids.size(), 1, "the layer");
  if (ids.empty()) return InvalidField("keys.layer_ids", "0 elements", "one or more");
  if (ids.size() > std::ssize(store.config.layer_ids)) {
    return InvalidField(
        "keys.layer_ids", absl::StrCat(ids.size(), " elements"),
        absl::StrCat("distinct layers, of which the store has ", store.config.layer_ids.size()));
  }
  for (int i = 0; i < ids.size(); ++i) {
    if (HasLayer(ids[i], store)) continue;
    return CheckLayer(Indexed("keys.layer_ids", i), ids[i], store);
  }
  input.layer_ids.assign(ids.begin(), ids.end());
  std::sort(input.layer_ids.begin(), input.layer_ids.end());
  const auto twice = std::adjacent_find(input.layer_ids.begin(), input.layer_ids.end());
  if (twice != input.layer_ids.end()) {
    return InvalidField("keys.layer_ids", *twice, "distinct layers");
  }
  input.layer_ids.assign(ids.begin(), ids.end());
  return absl::OkStatus();
}

// A start is a position, and so is the end of the keys.
absl::Status CheckStart(int entry, int64_t start, int64_t count) {
  if (start < 0) return InvalidField(Indexed("keys.starts", entry), start, "at least 0");
  if (start > std::numeric_limits<int64_t>::max() - count) {
    return InvalidField(Indexed("keys.starts", entry), start, "start + count below 2^63");
  }
  return absl::OkStatus();
}

absl::Status ConvertEntries(const v1::KeyBatch& batch, bool is_step, StepInput& input) {
  const int entries = batch.sequence_ids_size();
  absl::Status valid = CheckEntryCount("keys.sequence_ids", entries);
  if (valid.ok()) valid = CheckSize("keys.starts", batch.starts_size(), entries, "one per entry");
  if (valid.ok()) valid = CheckSize("keys.counts", batch.counts_size(), entries, "one per entry");
  if (!valid.ok()) return valid;
  input.entries.resize(entries);
  for (int i = 0; i < entries; ++i) {
    StepEntry& entry = input.entries[i];
    entry.sequence_id = batch.sequence_ids(i);
    entry.key_count = batch.counts(i);
    if (is_step && entry.key_count == 0) continue;
    entry.start = batch.starts(i);
    valid = CheckStart(i, entry.start, std::max<int64_t>(entry.key_count, 0));
    if (!valid.ok()) return valid;
  }
  return ConvertExpectedEpochs("keys.expected_epochs", batch.expected_epochs(), input);
}

absl::Status ConvertConflictRule(v1::ConflictRule rule, StepInput& input) {
  switch (rule) {
    case v1::CONFLICT_RULE_UNSPECIFIED:
    case v1::CONFLICT_RULE_FAIL:
      input.request.on_conflict = ConflictRule::kFail;
      return absl::OkStatus();
    case v1::CONFLICT_RULE_REPLACE_TAIL:
      input.request.on_conflict = ConflictRule::kReplaceTail;
      return absl::OkStatus();
    default:
      return InvalidField("keys.on_conflict", static_cast<int64_t>(rule), "a ConflictRule");
  }
}

absl::Status CheckKeyBytes(const v1::KeyBatch& batch, const StoreShape& shape, int64_t keys,
                           std::optional<ElementType> raw) {
  const int64_t layers = batch.layer_ids_size();
  if (raw.has_value()) {
    return CheckBytes("keys.keys", batch.keys().size(),
                      {{layers, "layers"},
                       {keys, "keys"},
                       {shape.kv_heads, "kv heads"},
                       {shape.head_dim, "elements"},
                       {ElementBytes(*raw), "bytes"}});
  }
  return CheckBytes("keys.keys", batch.keys().size(),
                    {{layers, "layers"},
                     {keys, "keys"},
                     {shape.kv_heads, "kv heads"},
                     {CodeBytes(shape.head_dim, shape.key_bits), "bytes of code"}});
}

absl::Status ConvertKeyData(const v1::KeyBatch& batch, const StoreDescription& store,
                            StepInput& input) {
  const auto keys = SumOfCounts(
      "keys.counts", std::span(batch.counts().data(), static_cast<size_t>(batch.counts_size())));
  if (!keys.ok()) return keys.status();
  const auto raw = ConvertElementType("keys.element_type", batch.element_type());
  if (!raw.ok()) return raw.status();
  absl::Status sized = CheckKeyBytes(batch, store.config.shape, *keys, *raw);
  if (!sized.ok()) return sized;
  if (raw->has_value() && *keys > 0 && store.config.key_scales.empty()) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "keys.element_type",
                      ElementName(**raw), "codes: the store has no key scales");
  }
  input.request.keys = {std::as_bytes(std::span(batch.keys())), *raw};
  MarkInvalidKeys(store.config.shape, *keys, input);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLayer(std::string_view field, int32_t layer_id, const StoreDescription& store) {
  if (HasLayer(layer_id, store)) return absl::OkStatus();
  return FieldError(
      absl::StatusCode::kNotFound, field, std::to_string(layer_id),
      absl::StrCat("one of the ", store.config.layer_ids.size(), " layers of the store"));
}

absl::Status CheckEntryCount(std::string_view field, int64_t entries) {
  if (entries <= kMaxEntries) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(entries, " elements"),
                      absl::StrCat("at most ", kMaxEntries));
}

absl::Status ConvertExpectedEpochs(std::string_view field,
                                   const google::protobuf::RepeatedField<uint64_t>& epochs,
                                   StepInput& input) {
  if (epochs.empty()) return absl::OkStatus();
  absl::Status valid =
      CheckSize(field, epochs.size(), std::ssize(input.entries), "one per entry, or none");
  if (!valid.ok()) return valid;
  for (int i = 0; i < epochs.size(); ++i) {
    if (epochs[i] != kAnyEpoch) input.entries[i].expected_epoch = epochs[i];
  }
  return absl::OkStatus();
}

absl::Status ConvertKeys(const v1::KeyBatch& batch, const StoreDescription& store, bool is_step,
                         StepInput& input) {
  absl::Status valid = ConvertLayers(batch, store, is_step, input);
  if (valid.ok()) valid = ConvertConflictRule(batch.on_conflict(), input);
  if (valid.ok()) valid = ConvertEntries(batch, is_step, input);
  if (valid.ok()) valid = ConvertKeyData(batch, store, input);
  return valid;
}

}  // namespace kvsift
