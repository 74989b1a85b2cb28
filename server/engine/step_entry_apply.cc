// The second half of an entry: from the last check to what others see.
#include <algorithm>
#include <utility>

#include "server/engine/entry_status.h"
#include "server/engine/step_entry.h"

namespace kvsift {

absl::Status StepEntryWork::CheckReplacements() {
  bool replaces = false;
  for (const Layer& layer : layers_) {
    if (!layer.replaces) continue;
    replaces = true;
    if (context_.request.on_conflict == ConflictRule::kReplaceTail) continue;
    error_layer_ = &layer;
    return Conflict(layer.write_from, LayerId(layer));
  }
  // A replaced tail can be shorter than the old one, and so can what is visible.
  return replaces ? CheckAllVisible(NewLength(layers_.front())) : absl::OkStatus();
}

Work::Progress StepEntryWork::Apply(PagePool& pool, BatchDraft& draft) {
  absl::Status status = CheckReplacements();
  if (!status.ok()) return Fail(std::move(status));
  int64_t write_from = end_;
  for (const Layer& layer : layers_) write_from = std::min(write_from, layer.write_from);
  writes_ = write_from < end_;
  if (writes_) {
    if (slot().sequence == nullptr) created_ = store().NewSequence();
    status = pages_.Reserve(store(), pool, *sequence(), write_from, end_);
    if (!status.ok()) {
      created_.reset();
      return Fail(std::move(status));
    }
    pages_.AddTo(store(), *sequence(), draft.batch);
    next_position_ = layers_.front().write_from;
  } else {
    next_layer_ = layers_.size();
  }
  if (entry().query_tokens > 0) ResolveVisible();
  if (!writes_ && entry().query_tokens == 0) return Publish(pool);
  return AddPiece(draft);
}

Work::Progress StepEntryWork::AddPiece(BatchDraft& draft) {
  AddWrites(draft);
  const bool has_written = next_layer_ == layers_.size();
  if (has_written && (next_token_ == 0 || !draft.IsFull())) AddSelections(draft);
  const bool is_last = has_written && next_token_ == entry().query_tokens;
  stage_ = is_last ? Stage::kPublish : Stage::kPieces;
  return is_last ? Progress::kLast : Progress::kMore;
}

void StepEntryWork::AddWrites(BatchDraft& draft) {
  const double position_us = static_cast<double>(context_.shape.key_bytes) /
                             static_cast<double>(draft.pace.key_bytes_per_us);
  while (next_layer_ < layers_.size()) {
    const Layer& layer = layers_[next_layer_];
    // Pieces end where pages do: no two write to one.
    const int64_t page = store().layout().positions;
    const int64_t stop = (next_position_ + draft.Fits(position_us) + page - 1) / page * page;
    const int64_t count = std::min(stop, end_) - next_position_;
    if (count > 0) {
      draft.batch.writes.push_back({.store = &store().backend_store(),
                                    .table = sequence()->table.get(),
                                    .layer = layer.index,
                                    .start = next_position_,
                                    .count = count,
                                    .keys = KeysFrom(next_layer_, next_position_, count)});
      draft.report.keys_written += count * store().shape().kv_heads;
      draft.report.key_bytes += count * context_.shape.key_bytes;
      draft.Spend(static_cast<double>(count) * position_us);
      next_position_ += count;
    }
    if (next_position_ < end_) return;
    if (++next_layer_ < layers_.size()) next_position_ = layers_[next_layer_].write_from;
    if (draft.IsFull()) return;
  }
}

void StepEntryWork::CountLevels() {
  for (size_t i = 0; i < layers_.size(); ++i) {
    const int64_t from = layers_[i].write_from;
    if (from == end_) continue;
    store().CountLevels(layers_[i].index, from, end_ - from, KeysFrom(i, from, end_ - from));
  }
}

void StepEntryWork::ResolveVisible() {
  const int64_t tokens = entry().query_tokens;
  if (!context_.request.visible_lengths.empty()) {
    visible_ = context_.request.visible_lengths.subspan(offsets_.token, tokens);
    return;
  }
  const int64_t base = entry().key_count > 0 ? end_ : layers_.front().length;
  const auto visible = std::span(context_.default_visible).subspan(offsets_.token, tokens);
  for (int64_t t = 0; t < tokens; ++t) visible[t] = DefaultVisibleLength(base, t, tokens);
  visible_ = visible;
}

void StepEntryWork::AddSelections(BatchDraft& draft) {
  const int64_t tokens = entry().query_tokens;
  int64_t scores = 0;
  int64_t end = next_token_;
  const int64_t most =
      static_cast<int64_t>(draft.piece_us * static_cast<double>(draft.pace.scores_per_us));
  while (end < tokens && (end == next_token_ || scores < most)) {
    scores += visible_[end++] * store().shape().query_heads;
  }
  if (end == next_token_) return;
  draft.Spend(static_cast<double>(scores) / static_cast<double>(draft.pace.scores_per_us));
  if (next_token_ == 0) ++draft.report.selections;
  AddSelection(end - next_token_, draft);
  next_token_ = end;
}

void StepEntryWork::AddSelection(int64_t tokens, BatchDraft& draft) {
  const StepRequest& request = context_.request;
  const StepShape& shape = context_.shape;
  const Policy& policy = request.policies[entry().policy];
  const int64_t token = offsets_.token + next_token_;
  const int64_t heads = store().shape().query_heads;
  const int64_t token_rows = RowsPerToken(policy.grouping, store().shape());
  const int64_t row = offsets_.row + next_token_ * token_rows;
  const int64_t cell = row * shape.answer.width;
  const bool scored = shape.answer.has_scores && policy.grouping == Grouping::kHead;
  Selection selection;
  selection.store = &store().backend_store();
  selection.table = sequence()->table.get();
  selection.layer = layers_.front().index;
  selection.policy = policy;
  selection.queries = {
      .bytes = request.queries.bytes.subspan(token * shape.query_bytes, tokens * shape.query_bytes),
      .raw = request.queries.raw};
  if (!request.query_scales.empty()) {
    selection.query_scales = request.query_scales.subspan(token * heads, tokens * heads);
  }
  selection.visible = visible_.subspan(next_token_, tokens);
  selection.row_width = shape.answer.width;
  selection.positions = context_.answer.positions + cell;
  selection.counts = context_.answer.counts + row;
  selection.scores = scored ? context_.answer.scores + cell : nullptr;
  draft.batch.selections.push_back(selection);
  draft.report.rows += tokens * token_rows;
  for (const int64_t visible : selection.visible) {
    draft.report.keys_scanned += visible * store().shape().kv_heads;
  }
}

Work::Progress StepEntryWork::Publish(PagePool& pool) {
  if (writes_) {
    Sequence& changed = *sequence();
    pages_.Publish(pool, changed);
    bool replaces = false;
    for (const Layer& layer : layers_) {
      changed.lengths[layer.index] = NewLength(layer);
      replaces |= layer.replaces;
    }
    store().CountPositions(changed);
    changed.origin.reset();
    if (replaces) {
      changed.epoch = store().NextEpoch();
      store().TrimPages(changed, pool);
    }
    if (created_ != nullptr) store().Publish(slot(), std::move(created_));
  }
  const Sequence& current = *slot().sequence;
  result_.epoch = current.epoch;
  result_.length = current.lengths[layers_.front().index];
  return Progress::kDone;
}

void StepEntryWork::Abandon(PagePool& pool) {
  if (!writes_) return;
  Sequence& changed = *sequence();
  pages_.Abandon(pool, changed);
  if (created_ != nullptr) {
    created_.reset();
    return;
  }
  bool replaces = false;
  for (const Layer& layer : layers_) {
    if (!layer.replaces) continue;
    changed.lengths[layer.index] = layer.write_from;
    replaces = true;
  }
  if (!replaces) return;
  store().CountPositions(changed);
  changed.epoch = store().NextEpoch();
  changed.origin.reset();
  store().TrimPages(changed, pool);
}

}  // namespace kvsift
