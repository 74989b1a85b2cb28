#include "kernels/cpu/row_scan.h"

#include <algorithm>
#include <utility>

#include "kernels/cpu/weighted_sums.h"
#include "kernels/encode/encode.h"
#include "kernels/select/group_weights.h"

namespace kvsift {
namespace {

// Positions scored at a time: few enough for the values of all rows to stay in the second-level
// cache, enough to hide the calls.
int64_t BlockPositions(int64_t rows) {
  return std::clamp<int64_t>(16384 / rows / kTilePositions * kTilePositions, 512, 4096);
}

int64_t TileFloor(int64_t position) { return position / kTilePositions * kTilePositions; }

}  // namespace

PositionRange RankedRange(const Policy& policy, int64_t visible) {
  if (visible <= policy.k || RankedCount(policy) == 0) return {};
  return {policy.sinks, visible - policy.window};
}

std::span<const float> RowScan::scales(int64_t token) const {
  if (scales_.empty()) return {};
  return scales_.subspan(static_cast<size_t>(token * group_), static_cast<size_t>(group_));
}

void RowScan::Run(std::byte* memory, ScratchPool::Lease scratch) {
  memory_ = memory;
  scratch_ = std::move(scratch);
  // Where everything is taken, only scores need the queries.
  if (shape_.keys.empty() && shape_.selection->scores == nullptr) return;
  PrepareRows();
  if (shape_.keys.empty()) return;
  PrepareLists();
  const int64_t step = BlockPositions(std::ssize(rows_));
  for (int64_t begin = TileFloor(shape_.keys.begin); begin < shape_.keys.end; begin += step) {
    ScanBlock({begin, std::min(begin + step, shape_.keys.end)});
  }
  for (TopK<int16_t>& top : best_) Finish(top);
  for (TopK<int64_t>& top : best_sums_) Finish(top);
}

KeyTiles RowScan::Tiles() const {
  const Selection& selection = *shape_.selection;
  return {memory_, *selection.store, *selection.table, selection.layer};
}

// Codes [tokens, group] of the scan's rows, and their scales.
const std::byte* RowScan::EncodedQueries() {
  const Selection& selection = *shape_.selection;
  const StoreShape& shape = static_cast<const CpuStore&>(*selection.store).format.shape;
  const Estimator estimator = selection.policy.estimator;
  const bool has_scales = HasQueryScales(estimator);
  const int64_t code_bytes = CodeBytes(shape.head_dim, QueryPlanes(estimator, shape.key_bits));
  const int64_t raw_bytes =
      selection.queries.raw ? shape.head_dim * ElementBytes(*selection.queries.raw) : 0;
  const auto codes = scratch_->Array<std::byte>(shape_.tokens * group_ * code_bytes);
  if (has_scales) scales_ = scratch_->Array<float>(shape_.tokens * group_);
  for (int64_t t = 0; t < shape_.tokens; ++t) {
    const int64_t from = (shape_.first_token + t) * shape.query_heads + shape_.kv_head * group_;
    const int64_t to = t * group_;
    const auto token_codes = codes.subspan(static_cast<size_t>(to * code_bytes),
                                           static_cast<size_t>(group_ * code_bytes));
    const auto token_scales =
        has_scales ? scales_.subspan(static_cast<size_t>(to), static_cast<size_t>(group_))
                   : std::span<float>();
    if (selection.queries.raw) {
      EncodeQueries(shape.head_dim, shape.key_bits, estimator, *selection.queries.raw, group_,
                    selection.queries.bytes.subspan(static_cast<size_t>(from * raw_bytes),
                                                    static_cast<size_t>(group_ * raw_bytes)),
                    token_codes, token_scales);
    } else {
      std::copy_n(selection.queries.bytes.data() + from * code_bytes, group_ * code_bytes,
                  token_codes.data());
      if (has_scales) {
        std::copy_n(selection.query_scales.data() + from, group_, token_scales.data());
      }
    }
  }
  return codes.data();
}

void RowScan::PrepareRows() {
  const Selection& selection = *shape_.selection;
  const StoreShape& shape = static_cast<const CpuStore&>(*selection.store).format.shape;
  const Estimator estimator = selection.policy.estimator;
  group_ = shape.group_size();
  form_ = MakeScoreForm(estimator, shape);
  const std::byte* codes = EncodedQueries();
  const int64_t code_bytes = CodeBytes(shape.head_dim, QueryPlanes(estimator, shape.key_bits));
  const int64_t count = shape_.tokens * group_;
  const auto words = scratch_->Array<int32_t>(count * form_.words_per_query());
  rows_ = scratch_->Array<ScoreRow>(count);
  for (int64_t r = 0; r < count; ++r) {
    int32_t* row_words = words.data() + r * form_.words_per_query();
    const int32_t bias = MakeQueryWords(form_, estimator, codes + r * code_bytes, row_words);
    rows_[static_cast<size_t>(r)] = {.words = row_words, .bias = bias, .values = nullptr};
  }
}

void RowScan::PrepareLists() {
  const Policy& policy = shape_.selection->policy;
  const int64_t count = std::ssize(rows_);
  const int64_t block = BlockPositions(count);
  const auto values = scratch_->Array<int16_t>(count * block);
  for (int64_t r = 0; r < count; ++r) {
    rows_[static_cast<size_t>(r)].values = values.data() + r * block;
  }
  active_ = scratch_->Array<ScoreRow>(count);
  runs_ = scratch_->Array<TileRun>(Tiles().MaxRuns(block));
  const int64_t k = std::min(RankedCount(policy), shape_.keys.size());
  if (policy.grouping != Grouping::kGroupSum) {
    best_ = scratch_->Array<TopK<int16_t>>(count);
    for (TopK<int16_t>& top : best_) top = MakeTopK<int16_t>(*scratch_, k);
    return;
  }
  best_sums_ = scratch_->Array<TopK<int64_t>>(shape_.tokens);
  for (TopK<int64_t>& top : best_sums_) top = MakeTopK<int64_t>(*scratch_, k);
  sums_ = scratch_->Array<int64_t>(block);
  addends_ = scratch_->Array<const int16_t*>(group_);
  weights_ = scratch_->Array<int32_t>(count);
  std::fill(weights_.begin(), weights_.end(), 1);
  for (int64_t t = 0; t < shape_.tokens && !scales_.empty(); ++t) {
    GroupWeights(scales(t),
                 weights_.subspan(static_cast<size_t>(t * group_), static_cast<size_t>(group_)));
  }
}

void RowScan::ScanBlock(PositionRange block) {
  const Selection& selection = *shape_.selection;
  // What token `t` ranks of the block.
  const auto taken_by = [&](int64_t t) {
    const PositionRange ranked = RankedRange(
        selection.policy, selection.visible[static_cast<size_t>(shape_.first_token + t)]);
    return PositionRange{std::max({block.begin, ranked.begin, shape_.keys.begin}),
                         std::min(block.end, ranked.end)};
  };
  size_t active = 0;
  for (int64_t t = 0; t < shape_.tokens; ++t) {
    if (taken_by(t).empty()) continue;
    const auto rows = rows_.subspan(static_cast<size_t>(t * group_), static_cast<size_t>(group_));
    std::copy(rows.begin(), rows.end(), active_.subspan(active).begin());
    active += rows.size();
  }
  if (active == 0) return;
  ScoreTiles(form_, Tiles().CollectRuns(shape_.kv_head, block.begin, block.end, runs_),
             active_.first(active));
  for (int64_t t = 0; t < shape_.tokens; ++t) {
    const PositionRange taken = taken_by(t);
    if (taken.empty()) continue;
    if (!best_sums_.empty()) {
      TakeSums(t, block, taken);
      continue;
    }
    for (int64_t r = t * group_; r < (t + 1) * group_; ++r) {
      const int16_t* values = rows_[static_cast<size_t>(r)].values + (taken.begin - block.begin);
      Consume(best_[static_cast<size_t>(r)], std::span(values, static_cast<size_t>(taken.size())),
              taken.begin);
    }
  }
}

void RowScan::TakeSums(int64_t token, PositionRange block, PositionRange taken) {
  const auto first = static_cast<size_t>(token * group_);
  for (size_t i = 0; i < addends_.size(); ++i) {
    addends_[i] = rows_[first + i].values + (taken.begin - block.begin);
  }
  WeightedSums(addends_, weights_.subspan(first, addends_.size()), taken.size(), sums_.data());
  Consume(best_sums_[static_cast<size_t>(token)], sums_.first(static_cast<size_t>(taken.size())),
          taken.begin);
}

std::span<const int16_t> RowScan::ValuesOf(int64_t token, int head, PositionRange range,
                                           Scratch& scratch) const {
  if (range.empty()) return {};
  const int64_t begin = TileFloor(range.begin);
  const int64_t positions = range.end - begin;
  // A run ends with a page, a whole number of tiles: only the last tile of all can stick out.
  const auto values = scratch.Array<int16_t>(positions + kTilePositions);
  const auto runs = scratch.Array<TileRun>(Tiles().MaxRuns(positions));
  ScoreRow row = rows_[static_cast<size_t>(token * group_ + head)];
  row.values = values.data();
  ScoreTiles(form_, Tiles().CollectRuns(shape_.kv_head, begin, range.end, runs),
             std::span(&row, 1));
  return values.subspan(static_cast<size_t>(range.begin - begin),
                        static_cast<size_t>(range.size()));
}

}  // namespace kvsift
