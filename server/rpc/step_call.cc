#include "server/rpc/step_call.h"

#include <string>

#include "server/rpc/convert_step.h"
#include "server/rpc/entry_results.h"
#include "server/rpc/step_exchange.h"

namespace kvsift {
namespace {

// Runs a selection or step whose answer is written where it is sent from.
template <typename Call, typename Convert>
void RunWithAnswer(Engine& engine, Call& call, Convert convert) {
  auto& exchange = call.template Create<StepExchange>();
  const absl::Status ready =
      exchange.Prepare(engine, call.request().store(), call.caller(), convert);
  if (!ready.ok()) return call.Complete(ready);
  exchange.Run(engine, [&engine, &call, &exchange](const StepResult& result) {
    if (!result.status.ok()) return call.Complete(result.status);
    call.AddEntries(result.entries);
    call.CompleteWith(exchange.answer().Serialize(result, engine.incarnation()));
  });
}

}  // namespace

void RunAppend(Engine& engine, UnaryCall<v1::AppendKeysRequest, v1::AppendKeysResponse>& call) {
  auto& exchange = call.Create<StepExchange>();
  const absl::Status ready =
      exchange.Prepare(engine, call.request().store(), call.caller(),
                       [&call](const StoreDescription& store, StepInput& input) {
                         return ConvertAppend(call.request(), store, input);
                       });
  if (!ready.ok()) return call.Complete(ready);
  exchange.Run(engine, [&engine, &call](const StepResult& result) {
    if (result.status.ok()) {
      call.AddEntries(result.entries);
      FillEntryResults(result.entries, call.response());
      call.response().set_server_incarnation(engine.incarnation());
    }
    call.Complete(result.status);
  });
}

void RunSelect(Engine& engine, UnaryCall<v1::SelectRequest, v1::SelectResponse>& call) {
  RunWithAnswer(engine, call, [&](const StoreDescription& store, StepInput& input) {
    return ConvertSelect(call.request(), store, engine.limits().max_k, input);
  });
}

void RunStep(Engine& engine, UnaryCall<v1::StepRequest, v1::StepResponse>& call) {
  RunWithAnswer(engine, call, [&](const StoreDescription& store, StepInput& input) {
    return ConvertStep(call.request(), store, engine.limits().max_k, input);
  });
}

}  // namespace kvsift
