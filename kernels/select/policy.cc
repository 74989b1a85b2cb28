#include "kernels/select/policy.h"

#include "absl/strings/str_cat.h"

namespace kvsift {
namespace {

constexpr Grouping kGroupings[] = {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                   Grouping::kGroupUnion, Grouping::kLayerMax};

}  // namespace

std::string_view GroupingName(Grouping grouping) {
  switch (grouping) {
    case Grouping::kHead:
      return "head";
    case Grouping::kGroupMax:
      return "group_max";
    case Grouping::kGroupSum:
      return "group_sum";
    case Grouping::kGroupUnion:
      return "group_union";
    case Grouping::kLayerMax:
      return "layer_max";
  }
  return "";
}

std::optional<Grouping> GroupingFromName(std::string_view name) {
  for (const Grouping grouping : kGroupings) {
    if (GroupingName(grouping) == name) return grouping;
  }
  return std::nullopt;
}

absl::Status ValidatePolicy(const Policy& policy, int32_t max_k) {
  if (policy.k < 1 || policy.k > max_k) {
    return absl::InvalidArgumentError(absl::StrCat("k: ", policy.k, ", must be 1 to ", max_k));
  }
  if (policy.sinks < 0) {
    return absl::InvalidArgumentError(absl::StrCat("sinks: ", policy.sinks, ", must be 0 or more"));
  }
  if (policy.window < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("window: ", policy.window, ", must be 0 or more"));
  }
  const int64_t forced = int64_t{policy.sinks} + policy.window;
  if (forced > policy.k) {
    return absl::InvalidArgumentError(absl::StrCat("sinks + window: ", policy.sinks, " + ",
                                                   policy.window, " = ", forced,
                                                   ", must be at most k = ", policy.k));
  }
  return absl::OkStatus();
}

int RowsPerToken(Grouping grouping, const StoreShape& shape) {
  switch (grouping) {
    case Grouping::kHead:
      return shape.query_heads;
    case Grouping::kGroupMax:
    case Grouping::kGroupSum:
    case Grouping::kGroupUnion:
      return shape.kv_heads;
    case Grouping::kLayerMax:
      return 1;
  }
  return 0;
}

int64_t RowCapacity(const Policy& policy, const StoreShape& shape) {
  const int lists = policy.grouping == Grouping::kGroupUnion ? shape.group_size() : 1;
  return int64_t{policy.k} * lists;
}

}  // namespace kvsift
