// What all calls of the service share.
#ifndef KVSIFT_SERVER_RPC_SERVICE_CONTEXT_H_
#define KVSIFT_SERVER_RPC_SERVICE_CONTEXT_H_

#include <cstdint>

#include "kernels/executor.h"
#include "server/engine/engine.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/call_log.h"
#include "server/rpc/call_observer.h"
#include "server/rpc/step_streams.h"
#include "server/rpc/unread_answers.h"

namespace kvsift {

// Plain pointers: what they point to outlives the service and its calls.
struct ServiceContext {
  Engine* engine = nullptr;
  Executor* executor = nullptr;      // for work outside the engine: Calibrate
  CallGate* gate = nullptr;          // counts calls; refuses them once it is closed
  StepStreams* streams = nullptr;    // held streams, which end when the server drains
  UnreadAnswers* unread = nullptr;   // of all calls but StreamAppendKeys
  CallObserver* observer = nullptr;  // may be null
  CallLog* log = nullptr;            // may be null
  int64_t max_message_bytes = 0;
  int32_t max_stream_steps = 0;  // unanswered at once on one stream
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SERVICE_CONTEXT_H_
