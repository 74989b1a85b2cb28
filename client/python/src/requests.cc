#include "client/python/src/requests.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/python/src/names.h"
#include "client/python/src/numbers.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

nb::handle Item(const nb::tuple& arguments, Py_ssize_t index) {
  return PyTuple_GetItem(arguments.ptr(), index);
}

struct Entries {
  std::vector<uint64_t> ids;
  std::vector<std::optional<uint64_t>> epochs;  // [ids] or none

  int64_t size() const { return std::ssize(ids); }
  std::optional<uint64_t> epoch(int64_t i) const {
    return epochs.empty() ? std::nullopt : epochs[i];
  }
};

Entries ReadEntries(const EntryArguments& arguments) {
  Entries entries;
  entries.ids = Uint64List(arguments.sequence_ids, "sequence_ids");
  entries.epochs = EpochList(arguments.expected_epochs, "expected_epochs", entries.size());
  return entries;
}

// Tokens of each entry [entries]; one each where nothing is given.
std::vector<int64_t> ReadCounts(nb::handle given, const char* field, int64_t entries) {
  if (given.is_none()) return std::vector<int64_t>(entries, 1);
  std::vector<int64_t> counts = Int64List(given, field, entries);
  for (int64_t i = 0; i < entries; ++i) {
    if (counts[i] < 0 || counts[i] > std::numeric_limits<int32_t>::max()) {
      RaiseValueError(absl::StrCat(field, "[", i, "]: ", counts[i], ", expected 0 to ",
                                   std::numeric_limits<int32_t>::max()));
    }
  }
  return counts;
}

int64_t Sum(const std::vector<int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

std::vector<int64_t> ReadStarts(nb::handle given, int64_t entries) {
  if (given.is_none()) RaiseTypeError("starts: None, expected the position of each first key");
  return Int64List(given, "starts", entries);
}

client::Vectors ViewKeys(const client::Store& store, std::vector<Axis> axes, const Array& keys) {
  const client::StoreConfig& config = store.config;
  axes.push_back({"kv_heads", config.kv_heads});
  return ViewVectors(
      keys, {std::move(axes), config.head_dim, {config.key_bits}, PlaneWords(config.head_dim)},
      "keys");
}

std::vector<Policy> ReadPolicies(nb::handle policy) {
  const Policy* one = nullptr;
  if (nb::try_cast(policy, one) && one != nullptr) return {*one};
  std::vector<Policy> policies;
  for (const nb::handle item : nb::borrow<nb::sequence>(policy)) {
    policies.push_back(nb::cast<Policy>(item));
  }
  return policies;
}

// Which policy each entry takes [entries].
std::vector<int32_t> ReadPolicyIndex(nb::handle given, int64_t entries, int64_t policies) {
  if (given.is_none()) {
    if (policies != 1) {
      RaiseValueError(absl::StrCat("policy_index: None, expected an index into the ", policies,
                                   " policies for each entry"));
    }
    return std::vector<int32_t>(entries, 0);
  }
  std::vector<int32_t> index = Int32List(given, "policy_index", entries);
  for (int64_t i = 0; i < entries; ++i) {
    if (index[i] < 0 || index[i] >= policies) {
      RaiseValueError(absl::StrCat("policy_index[", i, "]: ", index[i],
                                   ", expected an index into the ", policies, " policies"));
    }
  }
  return index;
}

// The query part of a request: `prepared` gets its arrays and the shape of its answer, `tokens`
// and `index` are what its entries say.
template <typename Prepared>
void PrepareQueries(const client::Store& store, const QueryArguments& arguments,
                    const std::vector<int64_t>& tokens, const std::vector<int32_t>& index,
                    Prepared& prepared) {
  const client::StoreConfig& config = store.config;
  client::QueryBatch& batch = prepared.request.queries;
  const int64_t total = Sum(tokens);
  prepared.queries = ImportArray(arguments.queries, "queries");
  if (!prepared.queries.is_valid()) RaiseTypeError("queries: None, expected an array");
  batch.vectors = ViewVectors(prepared.queries,
                              {{{"tokens", total}, {"query_heads", config.query_heads}},
                               config.head_dim,
                               {kFineQueryBits, config.key_bits},
                               PlaneWords(config.head_dim)},
                              "queries");
  prepared.query_scales = ImportArray(arguments.query_scales, "query_scales");
  batch.scales =
      ViewFloats(prepared.query_scales, {{"tokens", total}, {"query_heads", config.query_heads}},
                 "query_scales");
  prepared.visible_lengths = Int64List(arguments.visible_lengths, "visible_lengths", total);
  batch.visible_lengths = prepared.visible_lengths;
  batch.layout = RowLayoutFromName(arguments.layout);
  batch.want_scores = ToBool(arguments.scores, "scores");
  const StoreShape shape = config.Shape();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == 0) continue;
    const Policy& policy = batch.policies[index[i]];
    prepared.answer.rows += tokens[i] * RowsPerToken(policy.grouping, shape);
    prepared.answer.width = std::max(prepared.answer.width, RowCapacity(policy, shape));
  }
}

}  // namespace

EntryArguments::EntryArguments(const nb::tuple& arguments)
    : sequence_ids(Item(arguments, 0)),
      expected_epochs(Item(arguments, 1)),
      encode(Item(arguments, 2)) {}

KeyArguments::KeyArguments(const nb::tuple& arguments)
    : keys(Item(arguments, 0)),
      starts(Item(arguments, 1)),
      counts(Item(arguments, 2)),
      on_conflict(Item(arguments, 3)) {}

QueryArguments::QueryArguments(const nb::tuple& arguments)
    : queries(Item(arguments, 0)),
      query_tokens(Item(arguments, 1)),
      policy(Item(arguments, 2)),
      policy_index(Item(arguments, 3)),
      visible_lengths(Item(arguments, 4)),
      query_scales(Item(arguments, 5)),
      layout(Item(arguments, 6)),
      scores(Item(arguments, 7)) {}

PreparedAppend PrepareAppend(const client::Store& store, nb::handle layer_ids,
                             const EntryArguments& entry_arguments, const KeyArguments& arguments) {
  PreparedAppend prepared;
  client::AppendRequest& request = prepared.request;
  request.layer_ids =
      layer_ids.is_none() ? store.config.layer_ids : Int32List(layer_ids, "layer_ids");
  const Entries entries = ReadEntries(entry_arguments);
  const std::vector<int64_t> starts = ReadStarts(arguments.starts, entries.size());
  prepared.keys = ImportArray(arguments.keys, "keys");
  if (!prepared.keys.is_valid()) RaiseTypeError("keys: None, expected an array");
  std::vector<int64_t> counts;
  if (arguments.counts.is_none() && entries.size() == 1 && prepared.keys.ndim() > 1) {
    counts = {static_cast<int64_t>(prepared.keys.shape(1))};
  } else {
    counts = ReadCounts(arguments.counts, "counts", entries.size());
  }
  for (int64_t i = 0; i < entries.size(); ++i) {
    request.entries.push_back({.sequence_id = entries.ids[i],
                               .start = starts[i],
                               .count = counts[i],
                               .expected_epoch = entries.epoch(i)});
  }
  request.keys = ViewKeys(
      store, {{"layers", std::ssize(request.layer_ids)}, {"tokens", Sum(counts)}}, prepared.keys);
  request.encode = EncodeOnFromName(entry_arguments.encode);
  request.on_conflict = ConflictRuleFromName(arguments.on_conflict);
  return prepared;
}

PreparedSelect PrepareSelect(const client::Store& store, nb::handle layer_id,
                             const EntryArguments& entry_arguments,
                             const QueryArguments& arguments) {
  PreparedSelect prepared;
  client::SelectRequest& request = prepared.request;
  request.layer_id = ToInt32(layer_id, "layer_id");
  request.queries.policies = ReadPolicies(arguments.policy);
  const Entries entries = ReadEntries(entry_arguments);
  const auto tokens = ReadCounts(arguments.query_tokens, "query_tokens", entries.size());
  const auto index =
      ReadPolicyIndex(arguments.policy_index, entries.size(), std::ssize(request.queries.policies));
  for (int64_t i = 0; i < entries.size(); ++i) {
    request.entries.push_back({.sequence_id = entries.ids[i],
                               .query_tokens = tokens[i],
                               .policy = index[i],
                               .expected_epoch = entries.epoch(i)});
  }
  request.queries.encode = EncodeOnFromName(entry_arguments.encode);
  PrepareQueries(store, arguments, tokens, index, prepared);
  return prepared;
}

PreparedStep PrepareStep(const client::Store& store, nb::handle layer_id,
                         const EntryArguments& entry_arguments, const KeyArguments& keys,
                         const QueryArguments& queries) {
  PreparedStep prepared;
  client::StepRequest& request = prepared.request;
  request.layer_id = ToInt32(layer_id, "layer_id");
  request.queries.policies = ReadPolicies(queries.policy);
  const Entries entries = ReadEntries(entry_arguments);
  const auto starts = ReadStarts(keys.starts, entries.size());
  const auto counts = ReadCounts(keys.counts, "key_counts", entries.size());
  const auto tokens = ReadCounts(queries.query_tokens, "query_tokens", entries.size());
  const auto index =
      ReadPolicyIndex(queries.policy_index, entries.size(), std::ssize(request.queries.policies));
  for (int64_t i = 0; i < entries.size(); ++i) {
    request.entries.push_back({.sequence_id = entries.ids[i],
                               .start = starts[i],
                               .key_count = counts[i],
                               .query_tokens = tokens[i],
                               .policy = index[i],
                               .expected_epoch = entries.epoch(i)});
  }
  prepared.keys = ImportArray(keys.keys, "keys");
  if (!prepared.keys.is_valid()) RaiseTypeError("keys: None, expected an array");
  request.keys = ViewKeys(store, {{"tokens", Sum(counts)}}, prepared.keys);
  request.encode_keys = EncodeOnFromName(entry_arguments.encode);
  request.queries.encode = request.encode_keys;
  request.on_conflict = ConflictRuleFromName(keys.on_conflict);
  PrepareQueries(store, queries, tokens, index, prepared);
  return prepared;
}

}  // namespace kvsift::python
