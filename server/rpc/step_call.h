// AppendKeys, Select and Step on one call: convert, run, fill the answer.
#ifndef KVSIFT_SERVER_RPC_STEP_CALL_H_
#define KVSIFT_SERVER_RPC_STEP_CALL_H_

#include "kvsift/v1/selection.pb.h"
#include "server/engine/engine.h"
#include "server/rpc/unary_call.h"

namespace kvsift {

// Each completes `call`, at once or later, on any thread. `engine` outlives the call.
void RunAppend(Engine& engine, UnaryCall<v1::AppendKeysRequest, v1::AppendKeysResponse>& call);
void RunSelect(Engine& engine, UnaryCall<v1::SelectRequest, v1::SelectResponse>& call);
void RunStep(Engine& engine, UnaryCall<v1::StepRequest, v1::StepResponse>& call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_CALL_H_
