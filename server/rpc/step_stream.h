// StreamSteps: one held stream of pipelined steps.
#ifndef KVSIFT_SERVER_RPC_STEP_STREAM_H_
#define KVSIFT_SERVER_RPC_STEP_STREAM_H_

#include <memory>

#include "server/rpc/server_call.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Answers the steps of `call`. `service` outlives it.
void StartStepStream(const ServiceContext& service, std::unique_ptr<ServerCall> call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_STREAM_H_
