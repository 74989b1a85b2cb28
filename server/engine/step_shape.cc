#include "server/engine/step_shape.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/code_shape.h"
#include "server/engine/field_error.h"
#include "server/engine/saturating.h"

namespace kvsift {
namespace {

constexpr int64_t kWordBytes = sizeof(int32_t);

absl::Status CheckSize(std::string_view field, size_t value, int64_t expected) {
  if (static_cast<int64_t>(value) == expected) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), absl::StrCat(expected));
}

absl::Status CheckFingerprint(const StepRequest& request, const Store& store) {
  if (!request.fingerprint.has_value() || *request.fingerprint == store.fingerprint()) {
    return absl::OkStatus();
  }
  return FieldError(absl::StatusCode::kFailedPrecondition, "fingerprint",
                    absl::StrCat(*request.fingerprint), absl::StrCat(store.fingerprint()));
}

absl::Status ResolveLayers(const StepRequest& request, const Store& store, StepShape& shape) {
  if (request.layer_ids.empty()) return InvalidField("keys.layer_ids", "none", "at least one");
  for (size_t i = 0; i < request.layer_ids.size(); ++i) {
    const int32_t id = request.layer_ids[i];
    const std::optional<int> layer = store.LayerIndex(id);
    if (!layer.has_value()) {
      return FieldError(absl::StatusCode::kNotFound, absl::StrCat("keys.layer_ids[", i, "]"),
                        absl::StrCat(id), "a layer of the store");
    }
    if (std::find(shape.layers.begin(), shape.layers.end(), *layer) != shape.layers.end()) {
      return InvalidField(absl::StrCat("keys.layer_ids[", i, "]"), absl::StrCat(id),
                          "distinct ids");
    }
    shape.layers.push_back(*layer);
  }
  return absl::OkStatus();
}

absl::Status CheckEntry(const StepRequest& request, int64_t index) {
  const StepEntry& entry = request.entries[index];
  const auto negative = [index](std::string_view field, int64_t value) {
    return InvalidField(
        absl::StrCat(absl::string_view(field.data(), field.size()), "[", index, "]"),
        absl::StrCat(value), "0 or more");
  };
  if (entry.start < 0) return negative("keys.starts", entry.start);
  if (entry.key_count < 0) return negative("keys.counts", entry.key_count);
  if (entry.query_tokens < 0) return negative("queries.counts", entry.query_tokens);
  if (entry.query_tokens == 0) return absl::OkStatus();
  if (entry.policy < 0 || entry.policy >= std::ssize(request.policies)) {
    return InvalidField(absl::StrCat("queries.policy_indices[", index, "]"),
                        absl::StrCat(entry.policy),
                        absl::StrCat("0 to ", std::ssize(request.policies) - 1));
  }
  return absl::OkStatus();
}

absl::Status CheckEntries(const StepRequest& request, StepShape& shape) {
  for (int64_t i = 0; i < std::ssize(request.entries); ++i) {
    absl::Status status = CheckEntry(request, i);
    if (!status.ok()) return status;
    shape.key_total = SaturatingSum(shape.key_total, request.entries[i].key_count);
    shape.token_total = SaturatingSum(shape.token_total, request.entries[i].query_tokens);
  }
  if (shape.token_total > 0 && shape.layers.size() != 1) {
    return InvalidField("keys.layer_ids", absl::StrCat(shape.layers.size(), " layers"),
                        "one layer where there are query tokens");
  }
  return absl::OkStatus();
}

absl::Status CheckDistinctWriters(const StepRequest& request) {
  std::vector<uint64_t> ids;
  ids.reserve(request.entries.size());
  for (const StepEntry& entry : request.entries) {
    if (entry.key_count > 0) ids.push_back(entry.sequence_id);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return absl::OkStatus();
  return InvalidField("keys.sequence_ids", absl::StrCat(*twice, " twice"),
                      "each sequence once among the entries with keys");
}

absl::Status CheckKeys(const StepRequest& request, const Store& store, StepShape& shape) {
  const StoreShape& of = store.shape();
  shape.key_bytes = request.keys.raw.has_value()
                        ? int64_t{of.kv_heads} * of.head_dim * ElementBytes(*request.keys.raw)
                        : of.key_bytes_per_position();
  const int64_t per_layer = SaturatingProduct(shape.key_total, shape.key_bytes);
  absl::Status status = CheckSize("keys.keys", request.keys.bytes.size(),
                                  SaturatingProduct(std::ssize(shape.layers), per_layer));
  if (!status.ok() || shape.key_total == 0) return status;
  if (request.keys.raw.has_value() && !store.format().has_key_scales()) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "keys.element_type",
                      ElementName(*request.keys.raw), "codes: the store has no key scales");
  }
  return absl::OkStatus();
}

// Planes of the request's query codes, the same for every policy in use; or an error.
absl::StatusOr<int> QueryPlanesOf(const StepRequest& request, const StoreShape& shape) {
  int planes = 0;
  for (const StepEntry& entry : request.entries) {
    if (entry.query_tokens == 0) continue;
    const Estimator estimator = request.policies[entry.policy].estimator;
    const int own = QueryPlanes(estimator, shape.key_bits);
    if (planes != 0 && own != planes) {
      return InvalidField(absl::StrCat("queries.policies[", entry.policy, "].estimator"),
                          absl::StrCat(own, " planes"),
                          absl::StrCat(planes, " planes, as the others"));
    }
    planes = own;
  }
  return planes;
}

absl::Status CheckQueries(const StepRequest& request, const StoreShape& of, StepShape& shape) {
  int64_t scales = 0;
  if (request.queries.raw.has_value()) {
    shape.query_bytes = int64_t{of.query_heads} * of.head_dim * ElementBytes(*request.queries.raw);
  } else {
    const auto planes = QueryPlanesOf(request, of);
    if (!planes.ok()) return planes.status();
    shape.query_bytes = of.query_heads * CodeBytes(of.head_dim, *planes);
    if (*planes == kFineQueryBits) scales = SaturatingProduct(shape.token_total, of.query_heads);
  }
  absl::Status status = CheckSize("queries.queries", request.queries.bytes.size(),
                                  SaturatingProduct(shape.token_total, shape.query_bytes));
  if (!status.ok()) return status;
  status = CheckSize("queries.query_scales", request.query_scales.size(), scales);
  if (!status.ok() || request.visible_lengths.empty()) return status;
  return CheckSize("queries.visible_lengths", request.visible_lengths.size(), shape.token_total);
}

// Both layouts need room for padded rows while they are written.
absl::Status ResolveAnswer(const StepRequest& request, const StoreShape& of, int64_t max_bytes,
                           AnswerShape& answer) {
  for (const StepEntry& entry : request.entries) {
    if (entry.query_tokens == 0) continue;
    const Policy& policy = request.policies[entry.policy];
    const int64_t rows = SaturatingProduct(entry.query_tokens, RowsPerToken(policy.grouping, of));
    answer.rows = SaturatingSum(answer.rows, rows);
    answer.width = std::max(answer.width, RowCapacity(policy, of));
  }
  answer.has_scores = request.want_scores;
  answer.layout = request.layout;
  const int64_t row_bytes = answer.width * kWordBytes * (answer.has_scores ? 2 : 1) +
                            kWordBytes * (answer.layout == AnswerLayout::kPacked ? 2 : 1);
  const int64_t bytes = SaturatingProduct(answer.rows, row_bytes);
  if (bytes <= max_bytes) return absl::OkStatus();
  return InvalidField("queries", absl::StrCat("answer of ", bytes, " bytes"),
                      absl::StrCat("at most ", max_bytes, " bytes"));
}

}  // namespace

absl::StatusOr<StepShape> ResolveStep(const StepRequest& request, const Store& store,
                                      const EngineLimits& limits) {
  StepShape shape;
  absl::Status status = CheckFingerprint(request, store);
  if (status.ok()) status = ResolveLayers(request, store, shape);
  if (status.ok()) status = CheckEntries(request, shape);
  if (status.ok()) status = CheckDistinctWriters(request);
  if (status.ok()) status = CheckKeys(request, store, shape);
  if (status.ok()) status = CheckQueries(request, store.shape(), shape);
  if (status.ok()) {
    status = ResolveAnswer(request, store.shape(), limits.max_answer_bytes, shape.answer);
  }
  if (!status.ok()) return status;
  return shape;
}

}  // namespace kvsift
