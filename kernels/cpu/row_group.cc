#include "kernels/cpu/row_group.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/cpu/position_lists.h"
#include "kernels/select/group_weights.h"

namespace kvsift {
namespace {

// The best of a row over all parts, ascending.
template <typename T>
struct Ranked {
  std::vector<int32_t> positions;
  std::vector<T> values;
};

// Joins the lists of parts, which are disjoint and ascending: part after part is the order in
// which one scan would have met them.
template <typename T, class ListOfPart>
Ranked<T> JoinParts(int64_t parts, int64_t k, const ListOfPart& list_of_part) {
  Ranked<T> all;
  if (parts == 1) {
    const TopK<T>& only = list_of_part(0);
    all.positions.assign(only.kept().begin(), only.kept().end());
    all.values.assign(only.kept_values().begin(), only.kept_values().end());
    return all;
  }
  const int64_t capacity = TopKCapacity(k);
  all.positions.resize(static_cast<size_t>(capacity));
  all.values.resize(static_cast<size_t>(capacity));
  TopK<T> top{
      .values = all.values.data(), .positions = all.positions.data(), .capacity = capacity, .k = k};
  for (int64_t part = 0; part < parts; ++part) {
    const TopK<T>& list = list_of_part(part);
    Consume(top, list.kept_values(), list.kept());
  }
  Finish(top);
  all.positions.resize(static_cast<size_t>(top.count));
  all.values.resize(static_cast<size_t>(top.count));
  return all;
}

// Answers one query token of a group.
class TokenAnswer {
 public:
  TokenAnswer(const RowGroup& group, int64_t token)
      : group_(group),
        selection_(*group.selection),
        policy_(selection_.policy),
        store_(static_cast<const CpuStore&>(*selection_.store)),
        heads_(store_.format.shape.group_size()),
        token_(token),
        visible_(selection_.visible[static_cast<size_t>(group.first_token + token)]),
        ranked_(RankedRange(policy_, visible_)) {}

  void Write() const {
    const int64_t token = group_.first_token + token_;
    const StoreShape& shape = store_.format.shape;
    const int kv_head = group_.first_kv_head;
    switch (policy_.grouping) {
      case Grouping::kHead:
        for (int h = 0; h < heads_; ++h) {
          WriteHead(token * shape.query_heads + kv_head * heads_ + h, h);
        }
        return;
      case Grouping::kGroupUnion:
        return WriteRow(token * shape.kv_heads + kv_head, UnionOfHeads());
      case Grouping::kGroupSum:
        return WriteRow(token * shape.kv_heads + kv_head, BestSums());
      case Grouping::kGroupMax:
        return WriteRow(token * shape.kv_heads + kv_head, BestOfHeads());
      case Grouping::kLayerMax:
        return WriteRow(token, BestOfHeads());
    }
  }

 private:
  Ranked<int16_t> HeadList(int kv_head, int head) const {
    if (ranked_.empty()) return {};
    return JoinParts<int16_t>(
        group_.parts, RankedCount(policy_), [&](int64_t part) -> auto& {
          return group_.scan(kv_head, part).best(token_, head);
        });
  }

  std::vector<int32_t> BestSums() const {
    if (ranked_.empty()) return {};
    return JoinParts<int64_t>(
               group_.parts, RankedCount(policy_),
               [&](int64_t part) -> auto& {
                 return group_.scan(group_.first_kv_head, part).best_sums(token_);
               })
        .positions;
  }

  std::vector<int32_t> UnionOfHeads() const {
    std::vector<ValuedList> lists;
    for (int h = 0; h < heads_; ++h) {
      Ranked<int16_t> list = HeadList(group_.first_kv_head, h);
      std::vector<int32_t> values(list.values.begin(), list.values.end());
      lists.push_back({std::move(list.positions), std::move(values)});
    }
    return MergeLists(std::move(lists)).positions;
  }

  // The weights of all heads of the group [kv_heads, heads]; layer_max compares heads of
  // different kv heads, whose codes have different units.
  std::vector<int32_t> Weights() const {
    std::vector<int32_t> weights(static_cast<size_t>(group_.kv_heads * heads_), 1);
    if (!HasQueryScales(policy_.estimator)) return weights;
    const auto key_scales = store_.format.KeyScalesOf(selection_.layer);
    std::vector<float> scales;
    for (int kv = 0; kv < group_.kv_heads; ++kv) {
      const int kv_head = group_.first_kv_head + kv;
      for (float scale : group_.scan(kv_head, 0).scales(token_)) {
        if (policy_.grouping == Grouping::kLayerMax && !key_scales.empty()) {
          scale = scale * key_scales[static_cast<size_t>(kv_head)];
        }
        scales.push_back(scale);
      }
    }
    GroupWeights(scales, weights);
    return weights;
  }

  // The best value of a head over all visible positions, forced ones included.
  int16_t BestValue(int kv_head, int head, const Ranked<int16_t>& ranked) const {
    int16_t best = *std::max_element(ranked.values.begin(), ranked.values.end());
    const RowScan& scan = group_.scan(kv_head, 0);
    for (const PositionRange forced : {Sinks(), Window()}) {
      for (const int16_t v : scan.ValuesOf(token_, head, forced)) best = std::max(best, v);
    }
    return best;
  }

  std::vector<int32_t> BestOfHeads() const {
    if (ranked_.empty()) return {};
    const std::vector<int32_t> weights = Weights();
    std::vector<ValuedList> lists;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) continue;
      const int kv_head = group_.first_kv_head + static_cast<int>(i) / heads_;
      const int head = static_cast<int>(i) % heads_;
      Ranked<int16_t> list = HeadList(kv_head, head);
      const int32_t best = BestValue(kv_head, head, list);
      std::vector<int32_t> values;
      for (const int16_t v : list.values) values.push_back(weights[i] * (v - best));
      lists.push_back({std::move(list.positions), std::move(values)});
    }
    if (!lists.empty()) return BestOfLists(std::move(lists), RankedCount(policy_));
    // No head takes part, so every position ties: the most recent.
    std::vector<int32_t> recent(static_cast<size_t>(RankedCount(policy_)));
    std::iota(recent.begin(), recent.end(),
              static_cast<int32_t>(ranked_.end - RankedCount(policy_)));
    return recent;
  }

  bool takes_all() const { return visible_ <= policy_.k; }
  PositionRange Sinks() const { return {0, takes_all() ? visible_ : policy_.sinks}; }
  PositionRange Window() const {
    return {takes_all() ? visible_ : visible_ - policy_.window, visible_};
  }

  // Writes sinks, ranked positions and window, which follow each other.
  void WriteRow(int64_t row, std::span<const int32_t> ranked) const {
    int32_t* const begin = selection_.positions + row * selection_.row_width;
    int32_t* end = begin;
    const auto append = [&end](PositionRange range) {
      std::iota(end, end + range.size(), static_cast<int32_t>(range.begin));
      end += range.size();
    };
    append(Sinks());
    end = std::copy(ranked.begin(), ranked.end(), end);
    append(Window());
    selection_.counts[row] = static_cast<int32_t>(end - begin);
    std::fill(end, begin + selection_.row_width, -1);
  }

  void WriteHead(int64_t row, int head) const {
    const int kv_head = group_.first_kv_head;
    const Ranked<int16_t> ranked = HeadList(kv_head, head);
    WriteRow(row, ranked.positions);
    if (selection_.scores == nullptr) return;
    int32_t* const begin = selection_.scores + row * selection_.row_width;
    int32_t* end = begin;
    const int32_t sign = SmallerIsBetter(policy_.estimator) ? -1 : 1;
    const auto append = [&end, sign](std::span<const int16_t> values) {
      for (const int16_t value : values) *end++ = sign * value;
    };
    const RowScan& scan = group_.scan(kv_head, 0);
    append(scan.ValuesOf(token_, head, Sinks()));
    append(ranked.values);
    append(scan.ValuesOf(token_, head, Window()));
    std::fill(end, begin + selection_.row_width, 0);
  }

  const RowGroup& group_;
  const Selection& selection_;
  const Policy& policy_;
  const CpuStore& store_;
  const int heads_;  // per kv head
  const int64_t token_;
  const int64_t visible_;
  const PositionRange ranked_;
};

}  // namespace

RowGroup::RowGroup(const Selection& selection_arg, int first_kv_head_arg, int kv_heads_arg,
                   int64_t first_token_arg, int64_t tokens_arg,
                   std::span<const PositionRange> key_parts)
    : selection(&selection_arg),
      first_kv_head(first_kv_head_arg),
      kv_heads(kv_heads_arg),
      first_token(first_token_arg),
      tokens(tokens_arg),
      parts(std::ssize(key_parts)),
      scans_left(kv_heads_arg * std::ssize(key_parts)) {
  for (int kv = 0; kv < kv_heads; ++kv) {
    for (const PositionRange& keys : key_parts) {
      scans.emplace_back(ScanShape{.selection = selection,
                                   .kv_head = first_kv_head + kv,
                                   .first_token = first_token,
                                   .tokens = tokens,
                                   .keys = keys});
    }
  }
}

void AnswerGroup(const RowGroup& group) {
  for (int64_t token = 0; token < group.tokens; ++token) TokenAnswer(group, token).Write();
}

}  // namespace kvsift
