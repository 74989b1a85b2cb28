#include "server/engine/step_operation.h"

#include <utility>
#include <vector>

#include "server/engine/answer_rows.h"
#include "server/engine/entry_status.h"
#include "server/engine/scheduler.h"

namespace kvsift {

void StepOperation::Start(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                          int64_t max_sequence_length, AnswerSink* sink,
                          std::function<void(StepResult)> done) {
  // Deletes itself in Complete.
  auto* operation = new StepOperation(std::move(store), request, std::move(shape),
                                      max_sequence_length, sink, std::move(done));
  operation->Admit();
}

StepOperation::StepOperation(std::shared_ptr<Store> store, const StepRequest& request,
                             StepShape shape, int64_t max_sequence_length, AnswerSink* sink,
                             std::function<void(StepResult)> done)
    : context_{.request = request,
               .store = std::move(store),
               .shape = std::move(shape),
               .max_sequence_length = max_sequence_length,
               .answer = {},
               .default_visible = {}},
      sink_(sink),
      done_(std::move(done)),
      unfinished_(std::ssize(request.entries)) {
  if (request.visible_lengths.empty()) context_.default_visible.resize(context_.shape.token_total);
  EntryObserver& observer = *this;
  EntryOffsets offsets;
  for (int64_t i = 0; i < std::ssize(request.entries); ++i) {
    entries_.emplace_back(context_, i, offsets, observer);
    offsets.key += request.entries[i].key_count;
    offsets.token += request.entries[i].query_tokens;
    offsets.row += Rows(i);
  }
}

int64_t StepOperation::Rows(size_t index) const {
  const StepEntry& entry = context_.request.entries[index];
  if (entry.query_tokens == 0) return 0;
  const Grouping grouping = context_.request.policies[entry.policy].grouping;
  return entry.query_tokens * RowsPerToken(grouping, context_.store->shape());
}

void StepOperation::Admit() {
  if (entries_.empty()) return Complete();
  if (context_.shape.answer.rows > 0) context_.answer = sink_->Allocate(context_.shape.answer);
  std::vector<Work*> works;
  works.reserve(entries_.size());
  for (StepEntryWork& entry : entries_) works.push_back(&entry);
  // If it is admitted, this object may be gone when Admit returns.
  const std::shared_ptr<Store> store = context_.store;
  if (store->scheduler().Admit(*store, works)) return;
  const std::unique_ptr<StepOperation> self(this);
  done_({.status = UnknownStore(store->config().name), .entries = {}});
}

void StepOperation::OnEntryFinished() {
  // The last one sees what the others wrote.
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) Complete();
}

void StepOperation::FinishAnswer() {
  const AnswerShape& shape = context_.shape.answer;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const StepEntry& entry = context_.request.entries[i];
    const int64_t first = entries_[i].offsets().row;
    if (entry.query_tokens == 0) continue;
    if (!entries_[i].result().status.ok()) {
      ClearRows(shape, context_.answer, first, Rows(i));
    } else if (shape.has_scores &&
               context_.request.policies[entry.policy].grouping != Grouping::kHead) {
      ClearScores(shape, context_.answer, first, Rows(i));
    }
  }
  if (shape.layout == AnswerLayout::kPacked) sink_->Shrink(PackRows(shape, context_.answer));
}

void StepOperation::Complete() {
  const std::unique_ptr<StepOperation> self(this);
  if (context_.shape.answer.rows > 0) FinishAnswer();
  StepResult result;
  result.entries.reserve(entries_.size());
  for (StepEntryWork& entry : entries_) result.entries.push_back(std::move(entry.result()));
  done_(std::move(result));
}

}  // namespace kvsift
