#include "server/rpc/convert_queries.h"

#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_keys.h"
#include "server/rpc/convert_values.h"
#include "server/rpc/errors.h"

namespace kvsift {
namespace {

std::optional<Estimator> EstimatorOf(v1::Estimator estimator) {
  switch (estimator) {
    case v1::ESTIMATOR_MANHATTAN:
      return Estimator::kManhattan;
    case v1::ESTIMATOR_SQUARED_EUCLIDEAN:
      return Estimator::kSquaredEuclidean;
    case v1::ESTIMATOR_DOT:
      return Estimator::kDot;
    case v1::ESTIMATOR_ASYMMETRIC_DOT:
      return Estimator::kAsymmetricDot;
    default:
      return std::nullopt;
  }
}

std::optional<Grouping> GroupingOf(v1::Grouping grouping) {
  switch (grouping) {
    case v1::GROUPING_HEAD:
      return Grouping::kHead;
    case v1::GROUPING_GROUP_MAX:
      return Grouping::kGroupMax;
    case v1::GROUPING_GROUP_SUM:
      return Grouping::kGroupSum;
    case v1::GROUPING_GROUP_UNION:
      return Grouping::kGroupUnion;
    case v1::GROUPING_LAYER_MAX:
      return Grouping::kLayerMax;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<Policy> ConvertPolicy(const v1::Policy& message, int32_t max_k) {
  const auto estimator = EstimatorOf(message.estimator());
  if (!estimator.has_value()) {
    return InvalidField("estimator", int64_t{message.estimator()}, "an Estimator");
  }
  const auto grouping = GroupingOf(message.grouping());
  if (!grouping.has_value()) {
    return InvalidField("grouping", int64_t{message.grouping()}, "a Grouping");
  }
  const Policy policy{message.k(), *estimator, *grouping, message.sinks(), message.window()};
  absl::Status valid = CheckRange("k", policy.k, 1, max_k);
  if (valid.ok()) valid = CheckRange("sinks", policy.sinks, 0, policy.k);
  if (valid.ok()) valid = CheckRange("window", policy.window, 0, policy.k);
  if (valid.ok() && int64_t{policy.sinks} + policy.window > policy.k) {
    valid = InvalidField("window", absl::StrCat(policy.window, " beside ", policy.sinks, " sinks"),
                         absl::StrCat("sinks + window at most k = ", policy.k));
  }
  if (valid.ok()) valid = ValidatePolicy(policy, max_k);
  if (!valid.ok()) return valid;
  return policy;
}

absl::Status ConvertPolicies(const v1::QueryBatch& batch, int32_t max_k, StepInput& input) {
  absl::Status few = CheckEntryCount("queries.policies", batch.policies_size());
  if (!few.ok()) return few;
  input.policies.reserve(batch.policies_size());
  for (int i = 0; i < batch.policies_size(); ++i) {
    const auto policy = ConvertPolicy(batch.policies(i), max_k);
    if (!policy.ok()) {
      return UnderField(absl::StrCat("queries.policies[", i, "]."), policy.status());
    }
    input.policies.push_back(*policy);
  }
  if (input.policies.empty() && input.query_tokens > 0) {
    return InvalidField("queries.policies", "0 elements", "at least 1");
  }
  return absl::OkStatus();
}

absl::Status ConvertEntries(const v1::QueryBatch& batch, StepInput& input) {
  const int64_t entries = std::ssize(input.entries);
  absl::Status sized = CheckSize("queries.counts", batch.counts_size(), entries, "one per entry");
  if (!sized.ok()) return sized;
  const auto tokens =
      SumOfCounts("queries.counts", std::span(batch.counts().data(), static_cast<size_t>(entries)));
  if (!tokens.ok()) return tokens.status();
  input.query_tokens = *tokens;
  for (int64_t i = 0; i < entries; ++i) input.entries[i].query_tokens = batch.counts(i);
  return absl::OkStatus();
}

absl::Status ConvertPolicyIndices(const v1::QueryBatch& batch, StepInput& input) {
  const auto& indices = batch.policy_indices();
  if (indices.empty()) return absl::OkStatus();
  absl::Status valid = CheckSize("queries.policy_indices", indices.size(),
                                 std::ssize(input.entries), "one per entry, or none");
  for (int i = 0; valid.ok() && i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= std::ssize(input.policies)) {
      return InvalidField(Indexed("queries.policy_indices", i), indices[i],
                          absl::StrCat("an index into ", input.policies.size(), " policies"));
    }
    input.entries[i].policy = indices[i];
  }
  return valid;
}

// Planes that the codes of all query tokens have. REQUIRES: there is a query token.
absl::StatusOr<int> SharedPlanes(const StepInput& input, int key_bits) {
  std::optional<int> planes;
  for (size_t i = 0; i < input.entries.size(); ++i) {
    const StepEntry& entry = input.entries[i];
    if (entry.query_tokens == 0) continue;
    const int here = QueryPlanes(input.policies[entry.policy].estimator, key_bits);
    if (planes.has_value() && here != *planes) {
      return InvalidField(Indexed("queries.policy_indices", i), entry.policy,
                          absl::StrCat("a policy with codes of ", *planes,
                                       " planes, as the entries before it, or raw queries"));
    }
    planes = here;
  }
  return *planes;
}

absl::Status ConvertCodes(const v1::QueryBatch& batch, const StoreShape& shape, StepInput& input) {
  const auto planes = SharedPlanes(input, shape.key_bits);
  if (!planes.ok()) return planes.status();
  absl::Status sized = CheckBytes("queries.queries", batch.queries().size(),
                                  {{input.query_tokens, "query tokens"},
                                   {shape.query_heads, "query heads"},
                                   {*planes, "planes"},
                                   {CodeBytes(shape.head_dim, 1), "bytes"}});
  if (!sized.ok()) return sized;
  const int64_t scales = *planes == kFineQueryBits ? input.query_tokens * shape.query_heads : 0;
  input.request.query_scales = {batch.query_scales().data(), static_cast<size_t>(scales)};
  return CheckSize("queries.query_scales", batch.query_scales_size(), scales,
                   scales > 0 ? "query tokens x query heads" : "for codes without scales");
}

absl::Status CheckRawQueries(const v1::QueryBatch& batch, const StoreShape& shape, ElementType type,
                             const StepInput& input) {
  absl::Status sized = CheckBytes("queries.queries", batch.queries().size(),
                                  {{input.query_tokens, "query tokens"},
                                   {shape.query_heads, "query heads"},
                                   {shape.head_dim, "elements"},
                                   {ElementBytes(type), "bytes"}});
  if (!sized.ok()) return sized;
  return CheckSize("queries.query_scales", batch.query_scales_size(), 0, "for raw queries");
}

absl::Status ConvertQueryData(const v1::QueryBatch& batch, const StoreShape& shape,
                              StepInput& input) {
  const auto raw = ConvertElementType("queries.element_type", batch.element_type());
  if (!raw.ok()) return raw.status();
  input.request.queries = {std::as_bytes(std::span(batch.queries())), *raw};
  if (input.query_tokens == 0) {
    absl::Status empty =
        CheckBytes("queries.queries", batch.queries().size(), {{0, "query tokens"}});
    if (!empty.ok()) return empty;
    return CheckSize("queries.query_scales", batch.query_scales_size(), 0, "for no query tokens");
  }
  if (raw->has_value()) return CheckRawQueries(batch, shape, **raw, input);
  return ConvertCodes(batch, shape, input);
}

absl::Status ConvertVisibleLengths(const v1::QueryBatch& batch, StepInput& input) {
  const auto& visible = batch.visible_lengths();
  if (visible.empty()) return absl::OkStatus();
  input.request.visible_lengths = {visible.data(), static_cast<size_t>(visible.size())};
  return CheckSize("queries.visible_lengths", visible.size(), input.query_tokens,
                   "one per query token, or none");
}

absl::Status ConvertAnswer(const v1::QueryBatch& batch, StepInput& input) {
  input.request.want_scores = batch.want_scores();
  switch (batch.layout()) {
    case v1::ANSWER_LAYOUT_UNSPECIFIED:
    case v1::ANSWER_LAYOUT_PADDED:
      input.request.layout = AnswerLayout::kPadded;
      return absl::OkStatus();
    case v1::ANSWER_LAYOUT_PACKED:
      input.request.layout = AnswerLayout::kPacked;
      return absl::OkStatus();
    default:
      return InvalidField("queries.layout", int64_t{batch.layout()}, "an AnswerLayout");
  }
}

}  // namespace

absl::Status ConvertQueries(const v1::QueryBatch& batch, const StoreShape& shape, int32_t max_k,
                            StepInput& input) {
  absl::Status valid = ConvertEntries(batch, input);
  if (valid.ok()) valid = ConvertPolicies(batch, max_k, input);
  if (valid.ok()) valid = ConvertPolicyIndices(batch, input);
  if (valid.ok()) valid = ConvertAnswer(batch, input);
  if (valid.ok()) valid = ConvertQueryData(batch, shape, input);
  if (valid.ok()) valid = ConvertVisibleLengths(batch, input);
  if (!valid.ok()) return valid;
  MarkInvalidQueries(shape, input);
  return absl::OkStatus();
}

}  // namespace kvsift
