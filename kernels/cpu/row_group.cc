#include "kernels/cpu/row_group.h"

#include <algorithm>
#include <numeric>

#include "kernels/cpu/position_lists.h"
#include "kernels/select/group_weights.h"

namespace kvsift {
namespace {

// Joins the lists of parts, which are disjoint and ascending: part after part is the order in
// which one scan would have met them.
template <typename T, class ListOfPart>
TopK<T> JoinParts(int64_t parts, int64_t k, const ListOfPart& list_of_part, Scratch& scratch) {
  if (parts == 1) return list_of_part(0);
  TopK<T> all = MakeTopK<T>(scratch, k);
  for (int64_t part = 0; part < parts; ++part) {
    const TopK<T>& list = list_of_part(part);
    Consume(all, list.kept_values(), list.kept());
  }
  Finish(all);
  return all;
}

// Answers one query token of a group. Lists are of the scans or of `scratch`.
class TokenAnswer {
 public:
  TokenAnswer(const RowGroup& group, int64_t token, Scratch& scratch)
      : group_(group),
        selection_(*group.selection),
        policy_(selection_.policy),
        store_(static_cast<const CpuStore&>(*selection_.store)),
        heads_(store_.format.shape.group_size()),
        token_(token),
        scratch_(scratch),
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
  // The best ranked positions of a head over all parts, ascending.
  TopK<int16_t> HeadList(int kv_head, int head) const {
    if (ranked_.empty()) return {};
    const auto list_of_part = [&](int64_t part) -> auto& {
      return group_.scan(kv_head, part).best(token_, head);
    };
    return JoinParts<int16_t>(group_.parts, RankedCount(policy_), list_of_part, scratch_);
  }

  std::span<const int32_t> BestSums() const {
    if (ranked_.empty()) return {};
    const auto list_of_part = [&](int64_t part) -> auto& {
      return group_.scan(group_.first_kv_head, part).best_sums(token_);
    };
    return JoinParts<int64_t>(group_.parts, RankedCount(policy_), list_of_part, scratch_).kept();
  }

  std::span<const int32_t> UnionOfHeads() const {
    const auto lists = scratch_.Array<ValuedList>(heads_);
    for (int h = 0; h < heads_; ++h) {
      const TopK<int16_t> list = HeadList(group_.first_kv_head, h);
      const auto values = scratch_.Array<int32_t>(list.count);
      std::copy_n(list.values, list.count, values.begin());
      lists[static_cast<size_t>(h)] = {list.kept(), values};
    }
    return MergeLists(lists, scratch_).positions;
  }

  // The weights of all heads of the group [kv_heads, heads]; layer_max compares heads of
  // different kv heads, whose codes have different units.
  std::span<const int32_t> Weights() const {
    const auto weights = scratch_.Array<int32_t>(group_.kv_heads * heads_);
    std::fill(weights.begin(), weights.end(), 1);
    if (!HasQueryScales(policy_.estimator)) return weights;
    const auto key_scales = store_.format.KeyScalesOf(selection_.layer);
    const auto scales = scratch_.Array<float>(std::ssize(weights));
    auto next = scales.begin();
    for (int kv = 0; kv < group_.kv_heads; ++kv) {
      const int kv_head = group_.first_kv_head + kv;
      for (float scale : group_.scan(kv_head, 0).scales(token_)) {
        if (policy_.grouping == Grouping::kLayerMax && !key_scales.empty()) {
          scale = scale * key_scales[static_cast<size_t>(kv_head)];
        }
        *next++ = scale;
      }
    }
    GroupWeights(scales, weights);
    return weights;
  }

  // The best value of a head over all visible positions, forced ones included.
  int16_t BestValue(int kv_head, int head, const TopK<int16_t>& ranked) const {
    int16_t best = *std::max_element(ranked.values, ranked.values + ranked.count);
    const RowScan& scan = group_.scan(kv_head, 0);
    for (const PositionRange forced : {Sinks(), Window()}) {
      for (const int16_t v : scan.ValuesOf(token_, head, forced, scratch_)) {
        best = std::max(best, v);
      }
    }
    return best;
  }

  // The list of a head with values that can be compared with those of the group's other heads.
  ValuedList WeightedList(int kv_head, int head, int32_t weight) const {
    const TopK<int16_t> list = HeadList(kv_head, head);
    const int32_t best = BestValue(kv_head, head, list);
    const auto values = scratch_.Array<int32_t>(list.count);
    std::transform(list.values, list.values + list.count, values.begin(),
                   [&](int16_t value) { return weight * (value - best); });
    return {list.kept(), values};
  }

  std::span<const int32_t> BestOfHeads() const {
    if (ranked_.empty()) return {};
    const auto weights = Weights();
    const auto lists = scratch_.Array<ValuedList>(std::ssize(weights));
    size_t count = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) continue;
      const int head = static_cast<int>(i);
      lists[count++] =
          WeightedList(group_.first_kv_head + head / heads_, head % heads_, weights[i]);
    }
    if (count > 0) return BestOfLists(lists.first(count), RankedCount(policy_), scratch_);
    // No head takes part, so every position ties: the most recent.
    const auto recent = scratch_.Array<int32_t>(RankedCount(policy_));
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
    const TopK<int16_t> ranked = HeadList(kv_head, head);
    WriteRow(row, ranked.kept());
    if (selection_.scores == nullptr) return;
    int32_t* const begin = selection_.scores + row * selection_.row_width;
    int32_t* end = begin;
    const int32_t sign = SmallerIsBetter(policy_.estimator) ? -1 : 1;
    const auto append = [&end, sign](std::span<const int16_t> values) {
      for (const int16_t value : values) *end++ = sign * value;
    };
    const RowScan& scan = group_.scan(kv_head, 0);
    append(scan.ValuesOf(token_, head, Sinks(), scratch_));
    append(ranked.kept_values());
    append(scan.ValuesOf(token_, head, Window(), scratch_));
    std::fill(end, begin + selection_.row_width, 0);
  }

  const RowGroup& group_;
  const Selection& selection_;
  const Policy& policy_;
  const CpuStore& store_;
  const int heads_;  // per kv head
  const int64_t token_;
  Scratch& scratch_;
  const int64_t visible_;
  const PositionRange ranked_;
};

}  // namespace

RowGroup::RowGroup(const Selection& selection_arg, int first_kv_head_arg, int kv_heads_arg,
                   int64_t first_token_arg, int64_t tokens_arg,
                   std::span<const PositionRange> key_parts, Scratch& memory)
    : selection(&selection_arg),
      first_kv_head(first_kv_head_arg),
      kv_heads(kv_heads_arg),
      first_token(first_token_arg),
      tokens(tokens_arg),
      parts(std::ssize(key_parts)),
      scans(&memory),
      scans_left(kv_heads_arg * std::ssize(key_parts)) {
  scans.reserve(static_cast<size_t>(kv_heads * parts));
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

void AnswerGroup(const RowGroup& group, Scratch& scratch) {
  for (int64_t token = 0; token < group.tokens; ++token) {
    scratch.Clear();
    TokenAnswer(group, token, scratch).Write();
  }
}

}  // namespace kvsift
