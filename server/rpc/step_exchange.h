// One append, select or step on its way through the engine, whatever transport it came by.
#ifndef KVSIFT_SERVER_RPC_STEP_EXCHANGE_H_
#define KVSIFT_SERVER_RPC_STEP_EXCHANGE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/engine/engine.h"
#include "server/rpc/convert_step.h"
#include "server/rpc/step_answer.h"

namespace kvsift {

// Who asks and how long they wait (StepRequest says what each means).
struct StepCaller {
  uint64_t client = 0;
  Clock::time_point deadline = Clock::time_point::max();
  const std::atomic<bool>* cancelled = nullptr;
};

// Holds what the engine views until the step is done. Can be used again then; its memory is kept.
class StepExchange {
 public:
  // Makes a message plain: convert(store, input) is one of convert_step.h.
  // Errors: NOT_FOUND (the store), and those of `convert`.
  template <typename Convert>
  absl::Status Prepare(const Engine& engine, const std::string& store_name,
                       const StepCaller& caller, Convert convert) {
    auto found = engine.DescribeStore(store_name);
    if (!found.ok()) return found.status();
    store_ = *std::move(found);
    input_.Reset();
    absl::Status ready = convert(*store_, input_);
    if (!ready.ok()) return ready;
    input_.request.client = caller.client;
    input_.request.deadline = caller.deadline;
    input_.request.cancelled = caller.cancelled;
    answer_.Reset(input_.request.layout);
    return ready;
  }

  // REQUIRES: Prepare was OK.
  void Run(Engine& engine, std::function<void(const StepResult&)> done) {
    engine.Step(input_.request, &answer_, std::move(done));
  }

  // REQUIRES: the step is done and OK.
  StepAnswer& answer() { return answer_; }

 private:
  std::shared_ptr<const StoreDescription> store_;
  StepInput input_;
  StepAnswer answer_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_EXCHANGE_H_
