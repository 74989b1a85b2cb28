#include "server/engine/step_entry.h"

#include <algorithm>
#include <utility>

#include "server/engine/entry_status.h"

namespace kvsift {

namespace {

// Of a quick work at most.
constexpr int64_t kQuickRows = 16;
constexpr int64_t kQuickScores = 32 << 10;
constexpr int64_t kQuickKeyBytes = 32 << 10;

}  // namespace

StepEntryWork::StepEntryWork(StepContext& context, int64_t index, const EntryOffsets& offsets,
                             EntryObserver& observer)
    : Work(context.request.client, context.request.entries[index].query_tokens == 0),
      context_(context),
      index_(index),
      offsets_(offsets),
      observer_(observer) {
  AddTurn(entry().sequence_id, entry().key_count > 0 ? Access::kWrite : Access::kRead);
}

Work::Progress StepEntryWork::Advance(PagePool& pool, BatchDraft& draft) {
  if (stage_ == Stage::kCheck) {
    absl::Status status = CheckWanted(draft.now);
    if (status.ok()) status = Check();
    if (!status.ok()) return Fail(std::move(status));
    AddReads(draft);
    return stage_ == Stage::kCompare ? Progress::kMore : Apply(pool, draft);
  }
  if (stage_ == Stage::kCompare) {
    if (!batch_status_.ok()) return Fail(batch_status_);
    sequence()->table_entries = std::ssize(sequence()->pages);
    return Apply(pool, draft);
  }
  if (!batch_status_.ok()) {
    Abandon(pool);
    return Fail(batch_status_);
  }
  if (stage_ == Stage::kPublish) return Publish(pool);
  return AddPiece(draft);
}

bool StepEntryWork::IsQuick() const {
  const int64_t rows = entry().query_tokens * store().shape().query_heads;
  const int64_t key_bytes =
      entry().key_count * std::ssize(context_.shape.layers) * context_.shape.key_bytes;
  if (stage_ == Stage::kPieces || rows > kQuickRows || key_bytes > kQuickKeyBytes) return false;
  const Sequence* current = turns()[0].slot->sequence.get();
  // What is selected from, or what an answer has room for.
  int64_t length = std::max(entry().start + entry().key_count, context_.shape.answer.width);
  for (const int layer : context_.shape.layers) {
    if (current != nullptr) length = std::max(length, current->lengths[layer]);
  }
  return rows * length <= kQuickScores;
}

void StepEntryWork::OnBatchDone(const absl::Status& status) {
  batch_status_ = status;
  if (stage_ == Stage::kCompare && status.ok()) Compare();
  if (stage_ == Stage::kPublish && status.ok() && writes_) CountLevels();
}

Sequence* StepEntryWork::sequence() {
  return created_ != nullptr ? created_.get() : slot().sequence.get();
}

int32_t StepEntryWork::LayerId(const Layer& layer) const {
  return store().config().layer_ids[layer.index];
}

VectorData StepEntryWork::KeysFrom(size_t layer, int64_t from, int64_t count) const {
  const StepShape& shape = context_.shape;
  const auto layer_offset = static_cast<int64_t>(layer) * shape.key_total;
  const int64_t first = layer_offset + offsets_.key + (from - entry().start);
  return {.bytes =
              context_.request.keys.bytes.subspan(first * shape.key_bytes, count * shape.key_bytes),
          .raw = context_.request.keys.raw};
}

Work::Progress StepEntryWork::Fail(absl::Status status) {
  const Sequence* current = slot().sequence.get();
  const int layer = error_layer_ != nullptr ? error_layer_->index : context_.shape.layers.front();
  result_.status = std::move(status);
  result_.epoch = EpochOf(current);
  result_.length = current == nullptr ? 0 : current->lengths[layer];
  return Progress::kDone;
}

absl::Status StepEntryWork::CheckWanted(Clock::time_point now) const {
  const StepRequest& request = context_.request;
  if (request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed)) {
    return absl::CancelledError("the client is gone");
  }
  if (now <= request.deadline) return absl::OkStatus();
  return absl::DeadlineExceededError("deadline: passed while the step waited");
}

absl::Status StepEntryWork::Check() {
  const Sequence* current = slot().sequence.get();
  absl::Status status = CheckEpoch(entry().expected_epoch, current);
  if (!status.ok()) return status;
  if (current == nullptr && entry().key_count == 0) return UnknownSequence(entry().sequence_id);
  for (const int index : context_.shape.layers) {
    Layer& layer = layers_.emplace_back();
    layer.index = index;
    layer.length = current == nullptr ? 0 : current->lengths[index];
  }
  if (entry().key_count > 0) {
    status = CheckStart();
  } else if (!current->IsTableComplete()) {
    status = LostTable(entry().sequence_id);
  }
  if (status.ok()) status = CheckAllVisible(std::max(layers_.front().length, end_));
  if (status.ok()) status = entry().invalid;
  if (status.ok() && end_ > context_.max_sequence_length) {
    status = TooLong(end_, context_.max_sequence_length);
  }
  return status;
}

absl::Status StepEntryWork::CheckStart() {
  for (const Layer& layer : layers_) {
    if (entry().start <= layer.length) continue;
    error_layer_ = &layer;
    return Gap(entry().start, layer.length, LayerId(layer));
  }
  end_ = entry().start + entry().key_count;
  return absl::OkStatus();
}

absl::Status StepEntryWork::CheckAllVisible(int64_t length) const {
  const auto& visible = context_.request.visible_lengths;
  if (visible.empty()) return absl::OkStatus();
  for (int64_t token = 0; token < entry().query_tokens; ++token) {
    absl::Status status = CheckVisible(token, visible[offsets_.token + token], length);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void StepEntryWork::AddReads(BatchDraft& draft) {
  for (Layer& layer : layers_) {
    layer.write_from = std::min(layer.length, end_);
    const int64_t present = layer.write_from - entry().start;
    if (present <= 0) continue;
    layer.overlap.emplace(store().format(), layer.index, entry().start, present);
    draft.batch.reads.push_back(layer.overlap->Read(store().backend_store(), *sequence()->table));
    draft.Spend(static_cast<double>(present * store().shape().key_bytes_per_position()) /
                static_cast<double>(draft.pace.key_bytes_per_us));
    stage_ = Stage::kCompare;
  }
  if (stage_ != Stage::kCompare || sequence()->IsTableComplete()) return;
  const int64_t first = sequence()->table_entries;
  draft.batch.table_edits.push_back({.table = sequence()->table.get(),
                                     .first = first,
                                     .pages = std::span(sequence()->pages).subspan(first)});
}

void StepEntryWork::Compare() {
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    if (!layer.overlap.has_value()) continue;
    const auto difference = layer.overlap->FirstDifference(
        store().format(), KeysFrom(i, entry().start, end_ - entry().start));
    layer.overlap.reset();
    if (!difference.has_value()) continue;
    layer.write_from = *difference;
    layer.replaces = true;
  }
}

}  // namespace kvsift
