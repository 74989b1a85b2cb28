// A whole step: its entries, its answer, its one callback.
#ifndef KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_
#define KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "server/engine/engine.h"
#include "server/engine/queue_limit.h"
#include "server/engine/step_entry.h"
#include "server/engine/step_shape.h"
#include "server/engine/store.h"

namespace kvsift {

// Lives from Start until its callback has returned.
class StepOperation final : private EntryObserver {
 public:
  // Runs a resolved step; `done` is told as Engine::Step says, NOT_FOUND if the store was deleted
  // meanwhile. `queue` outlives the step.
  static void Start(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                    int64_t max_sequence_length, QueueLimit& queue, AnswerSink* sink,
                    std::function<void(StepResult)> done);

 private:
  StepOperation(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                int64_t max_sequence_length, QueueLimit& queue, AnswerSink* sink,
                std::function<void(StepResult)> done);

  // Of the request, its answer and the state kept for it.
  int64_t QueuedBytes() const;
  void Admit();
  void OnEntryFinished() override;
  // Rows of entry `index`.
  int64_t Rows(size_t index) const;
  // Clears what no selection wrote and packs the answer.
  void FinishAnswer();
  void Complete();
  // Tells `result`, once, and ends the operation.
  void Tell(StepResult result);

  StepContext context_;
  QueueLimit& queue_;
  int64_t queued_bytes_ = 0;
  AnswerSink* sink_;
  std::function<void(StepResult)> done_;
  // One piece of memory, however many there are.
  std::unique_ptr<std::optional<StepEntryWork>[]> entries_;
  std::atomic<int64_t> unfinished_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_
