#include "kernels/select/token_lists.h"

#include <algorithm>
#include <cstddef>

#include "kernels/select/group_values.h"
#include "kernels/select/group_weights.h"
#include "kernels/select/ranking.h"

namespace kvsift {
namespace {

using Lists = std::vector<std::vector<int32_t>>;

// The list of head `h` alone.
std::vector<int32_t> HeadList(const Policy& policy, const TokenScores& token, int h) {
  std::vector<int64_t> values;
  for (const int32_t score : token.scores[static_cast<size_t>(h)]) {
    values.push_back(RankingValue(policy.estimator, score));
  }
  return BestPositions(values, policy);
}

// Scales that weigh the heads of a row against each other [query_heads], or nothing where every
// head weighs 1. Across kv heads codes have different units: the key scale converts them.
std::vector<float> RowScales(const Policy& policy, const StoreShape& shape,
                             const TokenScores& token) {
  std::vector<float> scales(token.query_scales.begin(), token.query_scales.end());
  if (policy.grouping == Grouping::kLayerMax && !token.key_scales.empty()) {
    for (size_t h = 0; h < scales.size(); ++h) {
      scales[h] = scales[h] * token.key_scales[h / static_cast<size_t>(shape.group_size())];
    }
  }
  return scales;
}

// Heads [first, first + count) with their weights in a common list.
std::vector<HeadScores> WeighHeads(const TokenScores& token, std::span<const float> scales,
                                   size_t first, size_t count) {
  std::vector<int32_t> weights(count, 1);
  if (!scales.empty()) GroupWeights(scales.subspan(first, count), weights);
  std::vector<HeadScores> heads;
  for (size_t h = 0; h < count; ++h) {
    heads.push_back({.scores = token.scores[first + h], .weight = weights[h]});
  }
  return heads;
}

// What each head of kv head `kv_head` selects, together.
std::vector<int32_t> UnionList(const Policy& policy, const StoreShape& shape,
                               const TokenScores& token, int kv_head) {
  std::vector<int32_t> all;
  for (int h = 0; h < shape.group_size(); ++h) {
    const auto list = HeadList(policy, token, kv_head * shape.group_size() + h);
    all.insert(all.end(), list.begin(), list.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

Lists SelectTokenLists(const Policy& policy, const StoreShape& shape, const TokenScores& token) {
  const int rows = RowsPerToken(policy.grouping, shape);
  const std::vector<float> scales = RowScales(policy, shape, token);
  Lists lists;
  for (int row = 0; row < rows; ++row) {
    if (policy.grouping == Grouping::kHead) {
      lists.push_back(HeadList(policy, token, row));
      continue;
    }
    if (policy.grouping == Grouping::kGroupUnion) {
      lists.push_back(UnionList(policy, shape, token, row));
      continue;
    }
    const size_t count = static_cast<size_t>(shape.query_heads / rows);
    const auto heads = WeighHeads(token, scales, static_cast<size_t>(row) * count, count);
    lists.push_back(BestPositions(policy.grouping == Grouping::kGroupSum
                                      ? GroupSumValues(policy.estimator, heads)
                                      : GroupMaxValues(policy.estimator, heads),
                                  policy));
  }
  return lists;
}

}  // namespace kvsift
