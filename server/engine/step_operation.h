// A whole step: its entries, its answer, its one callback.
#ifndef KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_
#define KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "server/engine/engine.h"
#include "server/engine/step_entry.h"
#include "server/engine/step_shape.h"
#include "server/engine/store.h"

namespace kvsift {

// Lives from Start until its callback has returned.
class StepOperation final : private EntryObserver {
 public:
  // Runs a resolved step; `done` is told as Engine::Step says, NOT_FOUND if the store was deleted
  // meanwhile.
  static void Start(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                    int64_t max_sequence_length, AnswerSink* sink,
                    std::function<void(StepResult)> done);

 private:
  StepOperation(std::shared_ptr<Store> store, const StepRequest& request, StepShape shape,
                int64_t max_sequence_length, AnswerSink* sink,
                std::function<void(StepResult)> done);

  void Admit();
  void OnEntryFinished() override;
  // Rows of entry `index`.
  int64_t Rows(size_t index) const;
  // Clears what no selection wrote and packs the answer.
  void FinishAnswer();
  void Complete();

  StepContext context_;
  AnswerSink* sink_;
  std::function<void(StepResult)> done_;
  std::deque<StepEntryWork> entries_;
  std::atomic<int64_t> unfinished_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STEP_OPERATION_H_
