#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cpp/convert.h"
#include "client/cpp/key_source.h"
#include "client/cpp/selection.h"
#include "client/cpp/sizes.h"
#include "kernels/encode/encode.h"

namespace kvsift::client {
namespace {

// What the service would refuse and this side would trip over: counts and policy indices.
template <typename Entry>
absl::StatusOr<int64_t> CheckedTokens(const std::vector<Entry>& entries, const QueryBatch& batch) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < std::ssize(entries); ++i) {
    const absl::Status status = AddTokens("query_tokens", i, entries[i].query_tokens, tokens);
    if (!status.ok()) return status;
    const int32_t policy = entries[i].policy;
    if (entries[i].query_tokens > 0 && (policy < 0 || policy >= std::ssize(batch.policies))) {
      return absl::InvalidArgumentError(absl::StrCat("entries[", i, "].policy: ", policy,
                                                     ", expected an index into the ",
                                                     batch.policies.size(), " policies"));
    }
  }
  return tokens;
}

// The policy that decides how raw queries are encoded: the first that an entry with query tokens
// names; all others must need the same kind of code.
template <typename Entry>
absl::StatusOr<Estimator> EncodingEstimator(const std::vector<Entry>& entries,
                                            const QueryBatch& batch) {
  std::optional<Estimator> found;
  for (const Entry& entry : entries) {
    if (entry.query_tokens == 0) continue;
    const Estimator estimator = batch.policies[entry.policy].estimator;
    if (found && HasQueryScales(*found) != HasQueryScales(estimator)) {
      return absl::InvalidArgumentError(
          "queries.policies: estimators with and without query scales need different codes; send "
          "raw queries with encode = kServer");
    }
    found = found.value_or(estimator);
  }
  return found.value_or(Estimator::kAsymmetricDot);
}

void EncodeInto(const StoreConfig& config, Estimator estimator, int64_t vectors, const Vectors& raw,
                v1::QueryBatch& out) {
  const int planes = QueryPlanes(estimator, config.key_bits);
  std::string& codes = *out.mutable_queries();
  codes.resize(vectors * CodeBytes(config.head_dim, planes));
  if (HasQueryScales(estimator)) {
    out.mutable_query_scales()->Resize(static_cast<int>(vectors), 0.0f);
  }
  const std::span<float> scales(out.mutable_query_scales()->mutable_data(),
                                out.query_scales_size());
  EncodeQueries(config.head_dim, config.key_bits, estimator, *raw.raw, vectors, raw.bytes,
                std::as_writable_bytes(std::span(codes)), scales);
}

// Writes the queries themselves, encoded here or as they are.
template <typename Entry>
absl::Status WriteQueries(const StoreConfig& config, const std::vector<Entry>& entries,
                          int64_t tokens, const QueryBatch& batch, v1::QueryBatch& out) {
  const Vectors& given = batch.vectors;
  const int64_t vectors = tokens * config.query_heads;
  if (given.raw) {
    const int64_t vector_bytes = int64_t{config.head_dim} * ElementBytes(*given.raw);
    const absl::Status size = CheckBytes(
        "queries", given.bytes.size(), vectors * vector_bytes,
        absl::StrCat(tokens, " query tokens x ", config.query_heads, " heads x ", vector_bytes));
    if (!size.ok()) return size;
    // Raw queries with an element that the service refuses travel as they are, so that the
    // service names the entry and answers its neighbours.
    if (batch.encode == EncodeOn::kClient && FirstInvalidElement(*given.raw, given.bytes) < 0) {
      const absl::StatusOr<Estimator> estimator = EncodingEstimator(entries, batch);
      if (!estimator.ok()) return estimator.status();
      EncodeInto(config, *estimator, vectors, given, out);
      return absl::OkStatus();
    }
  }
  out.set_element_type(ToProto(given.raw));
  out.set_queries(given.bytes.data(), given.bytes.size());
  out.mutable_query_scales()->Assign(batch.scales.begin(), batch.scales.end());
  return absl::OkStatus();
}

template <typename Entry>
absl::Status WriteQueryBatch(const Store& store, const std::vector<Entry>& entries,
                             const QueryBatch& batch, v1::QueryBatch& out) {
  const absl::StatusOr<int64_t> tokens = CheckedTokens(entries, batch);
  if (!tokens.ok()) return tokens.status();
  bool several_policies = false;
  for (const Entry& entry : entries) {
    out.add_counts(entry.query_tokens);
    several_policies |= entry.policy != 0;
  }
  for (const Policy& policy : batch.policies) *out.add_policies() = ToProto(policy);
  for (const Entry& entry : entries) {
    if (several_policies) out.add_policy_indices(entry.policy);
  }
  out.mutable_visible_lengths()->Assign(batch.visible_lengths.begin(), batch.visible_lengths.end());
  out.set_layout(ToProto(batch.layout));
  out.set_want_scores(batch.want_scores);
  return WriteQueries(store.config, entries, *tokens, batch, out);
}

absl::Status WriteKeyBatch(const Store& store, const StepRequest& request, v1::KeyBatch& out) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < std::ssize(request.entries); ++i) {
    const StepEntry& entry = request.entries[i];
    const absl::Status status = AddTokens("key_count", i, entry.key_count, tokens);
    if (!status.ok()) return status;
    out.add_sequence_ids(entry.sequence_id);
    out.add_starts(entry.start);
    out.add_counts(entry.key_count);
  }
  out.add_layer_ids(request.layer_id);
  SetExpectedEpochs(request.entries, out.mutable_expected_epochs());
  const absl::StatusOr<KeySource> keys = KeySource::Make(store, std::span(&request.layer_id, 1),
                                                         tokens, request.keys, request.encode_keys);
  if (!keys.ok()) return keys.status();
  out.set_element_type(ToProto(keys->wire_type()));
  out.mutable_keys()->resize(keys->bytes(tokens));
  keys->Write(0, 0, tokens, std::as_writable_bytes(std::span(*out.mutable_keys())));
  out.set_on_conflict(ToProto(request.on_conflict));
  return absl::OkStatus();
}

template <typename Request>
std::vector<int64_t> RowsOf(const Store& store, const Request& request) {
  const StoreShape shape = store.config.Shape();
  std::vector<int64_t> rows = {0};
  for (const auto& entry : request.entries) {
    int64_t count = 0;
    if (entry.query_tokens > 0) {
      const Policy& policy = request.queries.policies[entry.policy];
      count = entry.query_tokens * RowsPerToken(policy.grouping, shape);
    }
    rows.push_back(rows.back() + count);
  }
  return rows;
}

}  // namespace

absl::Status ToProto(const Store& store, const SelectRequest& request, v1::StepRequest& out) {
  out.set_store(store.config.name);
  out.set_fingerprint(store.fingerprint);
  v1::KeyBatch& keys = *out.mutable_keys();
  keys.add_layer_ids(request.layer_id);
  for (const SelectEntry& entry : request.entries) {
    keys.add_sequence_ids(entry.sequence_id);
    keys.add_starts(0);
    keys.add_counts(0);
  }
  SetExpectedEpochs(request.entries, keys.mutable_expected_epochs());
  return WriteQueryBatch(store, request.entries, request.queries, *out.mutable_queries());
}

absl::Status ToProto(const Store& store, const StepRequest& request, v1::StepRequest& out) {
  out.set_store(store.config.name);
  out.set_fingerprint(store.fingerprint);
  absl::Status status = WriteKeyBatch(store, request, *out.mutable_keys());
  if (!status.ok()) return status;
  return WriteQueryBatch(store, request.entries, request.queries, *out.mutable_queries());
}

std::vector<int64_t> EntryRows(const Store& store, const SelectRequest& request) {
  return RowsOf(store, request);
}

std::vector<int64_t> EntryRows(const Store& store, const StepRequest& request) {
  return RowsOf(store, request);
}

}  // namespace kvsift::client
