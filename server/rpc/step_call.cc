#include "server/rpc/step_call.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/answer_writer.h"
#include "server/rpc/convert_step.h"
#include "server/rpc/entry_results.h"

namespace kvsift {
namespace {

// What a step needs until it is done; lives on the call's arena.
struct StepState {
  absl::Status Find(const Engine& engine, const std::string& name) {
    auto found = engine.DescribeStore(name);
    if (!found.ok()) return found.status();
    store = *std::move(found);
    return absl::OkStatus();
  }

  std::shared_ptr<const StoreDescription> store;
  StepInput input;
};

template <typename Call>
void Finish(const Engine& engine, Call& call, const StepResult& result) {
  if (result.status.ok()) {
    FillEntryResults(result.entries, call.response());
    call.response().set_server_incarnation(engine.incarnation());
  }
  call.Complete(result.status);
}

// Runs a converted step whose answer goes into `call`.
template <typename Call>
void RunWithAnswer(Engine& engine, Call& call, StepState& state) {
  auto& writer = call.template Create<AnswerWriter>(*call.response().mutable_answer());
  if (state.input.query_tokens == 0) writer.FinishEmpty(state.input.request.layout);
  engine.Step(state.input.request, &writer,
              [&engine, &call](const StepResult& result) { Finish(engine, call, result); });
}

}  // namespace

void RunAppend(Engine& engine, UnaryCall<v1::AppendKeysRequest, v1::AppendKeysResponse>& call) {
  auto& state = call.Create<StepState>();
  absl::Status ready = state.Find(engine, call.request().store());
  if (ready.ok()) ready = ConvertAppend(call.request(), *state.store, state.input);
  if (!ready.ok()) return call.Complete(ready);
  engine.Step(state.input.request, nullptr,
              [&engine, &call](const StepResult& result) { Finish(engine, call, result); });
}

void RunSelect(Engine& engine, UnaryCall<v1::SelectRequest, v1::SelectResponse>& call) {
  auto& state = call.Create<StepState>();
  absl::Status ready = state.Find(engine, call.request().store());
  const int32_t max_k = engine.limits().max_k;
  if (ready.ok()) ready = ConvertSelect(call.request(), *state.store, max_k, state.input);
  if (!ready.ok()) return call.Complete(ready);
  RunWithAnswer(engine, call, state);
}

void RunStep(Engine& engine, UnaryCall<v1::StepRequest, v1::StepResponse>& call) {
  auto& state = call.Create<StepState>();
  absl::Status ready = state.Find(engine, call.request().store());
  const int32_t max_k = engine.limits().max_k;
  if (ready.ok()) ready = ConvertStep(call.request(), *state.store, max_k, state.input);
  if (!ready.ok()) return call.Complete(ready);
  RunWithAnswer(engine, call, state);
}

}  // namespace kvsift
