// What a selection must contain.
#ifndef KVSIFT_KERNELS_SELECT_POLICY_H_
#define KVSIFT_KERNELS_SELECT_POLICY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/store_format.h"

namespace kvsift {

// Which query heads share one list of positions.
enum class Grouping : uint8_t {
  kHead,        // one list per query head
  kGroupMax,    // one list per kv head: near the per-head quality at a third of the gather
  kGroupSum,    // one list per kv head, by the weighted sum of its heads' scores
  kGroupUnion,  // one list per kv head: the union of its heads' lists
  kLayerMax,    // one list per layer
};

// "head", "group_max", "group_sum", "group_union", "layer_max".
std::string_view GroupingName(Grouping grouping);
std::optional<Grouping> GroupingFromName(std::string_view name);

struct Policy {
  int32_t k = 0;  // how many positions a list holds; at least 1
  Estimator estimator = Estimator::kAsymmetricDot;
  Grouping grouping = Grouping::kHead;
  int32_t sinks = 0;   // positions [0, sinks) are always selected and count towards k
  int32_t window = 0;  // so are the most recent `window` visible positions

  bool operator==(const Policy&) const = default;
};

// Checks the rules that hold whatever the length is.
// Errors: INVALID_ARGUMENT, naming the field, its value and the limit, if k is not in
// [1, max_k], sinks or window is negative, or sinks + window exceeds k.
absl::Status ValidatePolicy(const Policy& policy, int32_t max_k);

// Rows of one query token: query_heads, kv_heads or 1.
int RowsPerToken(Grouping grouping, const StoreShape& shape);

// Most positions a row can hold: k, or k * group size for group_union.
int64_t RowCapacity(const Policy& policy, const StoreShape& shape);

// Visible positions of query token `token` of `tokens` where the request does not say:
// max(0, base - tokens + token + 1), so that the last token sees `base` positions.
constexpr int64_t DefaultVisibleLength(int64_t base, int64_t token, int64_t tokens) {
  const int64_t visible = base - tokens + token + 1;
  return visible > 0 ? visible : 0;
}

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_SELECT_POLICY_H_
