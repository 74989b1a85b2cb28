// The lists of one query token, from the scores of its heads: the definition of the groupings.
#ifndef KVSIFT_KERNELS_SELECT_TOKEN_LISTS_H_
#define KVSIFT_KERNELS_SELECT_TOKEN_LISTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"

namespace kvsift {

// What is known of one query token. Spans are borrowed.
struct TokenScores {
  // [query_heads, visible]: every head's score of every visible position.
  std::span<const std::vector<int32_t>> scores;
  // [query_heads] for estimators with query scales, else empty.
  std::span<const float> query_scales;
  // [kv_heads], or empty where the store has none; used by layer_max alone.
  std::span<const float> key_scales;
};

// Returns RowsPerToken lists of ascending positions, in the order of heads or kv heads.
// REQUIRES: policy is valid; the sizes of `token` match `shape`.
std::vector<std::vector<int32_t>> SelectTokenLists(const Policy& policy, const StoreShape& shape,
                                                   const TokenScores& token);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_SELECT_TOKEN_LISTS_H_
