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

Work::Progress StepEntryWork::Apply(PagePool& pool, Batch& batch) {
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
    AddWrites(batch);
  }
  if (entry().query_tokens > 0) AddSelection(batch);
  stage_ = Stage::kPublish;
  return writes_ || entry().query_tokens > 0 ? Progress::kBatched : Publish(pool);
}

void StepEntryWork::AddWrites(Batch& batch) {
  pages_.AddTo(store(), *sequence(), batch);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    if (layer.write_from == end_) continue;
    batch.writes.push_back({.store = &store().backend_store(),
                            .table = sequence()->table.get(),
                            .layer = layer.index,
                            .start = layer.write_from,
                            .count = end_ - layer.write_from,
                            .keys = KeysFrom(i, layer.write_from)});
  }
}

std::span<const int64_t> StepEntryWork::VisibleLengths() {
  const int64_t tokens = entry().query_tokens;
  if (!context_.request.visible_lengths.empty()) {
    return context_.request.visible_lengths.subspan(offsets_.token, tokens);
  }
  const int64_t base = entry().key_count > 0 ? end_ : layers_.front().length;
  const auto visible = std::span(context_.default_visible).subspan(offsets_.token, tokens);
  for (int64_t t = 0; t < tokens; ++t) visible[t] = DefaultVisibleLength(base, t, tokens);
  return visible;
}

void StepEntryWork::AddSelection(Batch& batch) {
  const StepRequest& request = context_.request;
  const StepShape& shape = context_.shape;
  const Policy& policy = request.policies[entry().policy];
  const int64_t first = offsets_.token * shape.query_bytes;
  const int64_t tokens = entry().query_tokens;
  const int64_t heads = store().shape().query_heads;
  const int64_t cell = offsets_.row * shape.answer.width;
  const bool scored = shape.answer.has_scores && policy.grouping == Grouping::kHead;
  Selection selection;
  selection.store = &store().backend_store();
  selection.table = sequence()->table.get();
  selection.layer = layers_.front().index;
  selection.policy = policy;
  selection.queries = {.bytes = request.queries.bytes.subspan(first, tokens * shape.query_bytes),
                       .raw = request.queries.raw};
  if (!request.query_scales.empty()) {
    selection.query_scales = request.query_scales.subspan(offsets_.token * heads, tokens * heads);
  }
  selection.visible = VisibleLengths();
  selection.row_width = shape.answer.width;
  selection.positions = context_.answer.positions + cell;
  selection.counts = context_.answer.counts + offsets_.row;
  selection.scores = scored ? context_.answer.scores + cell : nullptr;
  batch.selections.push_back(selection);
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
  changed.epoch = store().NextEpoch();
  changed.origin.reset();
  store().TrimPages(changed, pool);
}

}  // namespace kvsift
