#include "server/engine/step_operation.h"

#include <utility>
#include <vector>

#include "server/engine/answer_rows.h"
#include "server/engine/entry_status.h"
#include "server/engine/scheduler.h"

namespace kvsift {

void StepOperation::Start(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                          int64_t max_sequence_length, QueueLimit& queue, AnswerSink* sink,
                          std::function<void(StepResult)> done) {
  auto operation = std::unique_ptr<StepOperation>(
      new StepOperation(std::move(store), request, std::move(shape), max_sequence_length, queue,
                        sink, std::move(done)));
  const int64_t bytes = operation->QueuedBytes();
  absl::Status admitted = queue.Enter(request.client, bytes);
  if (!admitted.ok()) return operation->done_({.status = std::move(admitted), .entries = {}});
  operation->queued_bytes_ = bytes;
  // Deletes itself in Tell.
  operation.release()->Admit();
}

StepOperation::StepOperation(std::shared_ptr<Store> store, const StepRequest& request,
                             StepShape shape, int64_t max_sequence_length, QueueLimit& queue,
                             AnswerSink* sink, std::function<void(StepResult)> done)
    : context_{.request = request,
               .store = std::move(store),
               .shape = std::move(shape),
               .max_sequence_length = max_sequence_length,
               .answer = {},
               .default_visible = {}},
      queue_(queue),
      sink_(sink),
      done_(std::move(done)),
      unfinished_(std::ssize(request.entries)) {
  if (request.visible_lengths.empty()) context_.default_visible.resize(context_.shape.token_total);
  EntryObserver& observer = *this;
  EntryOffsets offsets;
  entries_ = std::make_unique<std::optional<StepEntryWork>[]>(request.entries.size());
  for (int64_t i = 0; i < std::ssize(request.entries); ++i) {
    entries_[i].emplace(context_, i, offsets, observer);
    offsets.key += request.entries[i].key_count;
    offsets.token += request.entries[i].query_tokens;
    offsets.row += Rows(i);
  }
}

int64_t StepOperation::QueuedBytes() const {
  const StepRequest& request = context_.request;
  const AnswerShape& answer = context_.shape.answer;
  const int64_t answer_words = answer.rows * (answer.width * (answer.has_scores ? 2 : 1) + 2);
  return std::ssize(request.keys.bytes) + std::ssize(request.queries.bytes) +
         answer_words * static_cast<int64_t>(sizeof(int32_t)) +
         std::ssize(request.entries) * static_cast<int64_t>(sizeof(StepEntryWork));
}

int64_t StepOperation::Rows(size_t index) const {
  const StepEntry& entry = context_.request.entries[index];
  if (entry.query_tokens == 0) return 0;
  const Grouping grouping = context_.request.policies[entry.policy].grouping;
  return entry.query_tokens * RowsPerToken(grouping, context_.store->shape());
}

void StepOperation::Admit() {
  if (context_.request.entries.empty()) return Complete();
  if (context_.shape.answer.rows > 0) context_.answer = sink_->Allocate(context_.shape.answer);
  std::vector<Work*> works;
  works.reserve(context_.request.entries.size());
  for (size_t i = 0; i < context_.request.entries.size(); ++i) works.push_back(&*entries_[i]);
  // If it is admitted, this object may be gone when Admit returns.
  const std::shared_ptr<Store> store = context_.store;
  if (store->scheduler().Admit(*store, works)) return;
  Tell({.status = UnknownStore(store->config().name), .entries = {}});
}

void StepOperation::OnEntryFinished() {
  // The last one sees what the others wrote.
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) Complete();
}

void StepOperation::FinishAnswer() {
  const AnswerShape& shape = context_.shape.answer;
  for (size_t i = 0; i < context_.request.entries.size(); ++i) {
    const StepEntry& entry = context_.request.entries[i];
    const int64_t first = entries_[i]->offsets().row;
    if (entry.query_tokens == 0) continue;
    if (!entries_[i]->result().status.ok()) {
      ClearRows(shape, context_.answer, first, Rows(i));
    } else if (shape.has_scores &&
               context_.request.policies[entry.policy].grouping != Grouping::kHead) {
      ClearScores(shape, context_.answer, first, Rows(i));
    }
  }
  if (shape.layout == AnswerLayout::kPacked) sink_->Shrink(PackRows(shape, context_.answer));
}

void StepOperation::Complete() {
  if (context_.shape.answer.rows > 0) FinishAnswer();
  StepResult result;
  const size_t entries = context_.request.entries.size();
  result.entries.reserve(entries);
  for (size_t i = 0; i < entries; ++i) {
    EntryResult& entry = result.entries.emplace_back(std::move(entries_[i]->result()));
    // Who asked does not wait any more, whichever entries were done.
    const bool expired = absl::IsCancelled(entry.status) || absl::IsDeadlineExceeded(entry.status);
    if (expired && result.status.ok()) result.status = entry.status;
  }
  Tell(std::move(result));
}

void StepOperation::Tell(StepResult result) {
  const std::unique_ptr<StepOperation> self(this);
  queue_.Leave(context_.request.client, queued_bytes_);
  done_(std::move(result));
}

}  // namespace kvsift
