// kvsift.v1.SelectionService: which function answers which call.
#ifndef KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
#define KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_

#include <cstdint>
#include <memory>

#include "grpcpp/impl/codegen/service_type.h"
#include "kernels/executor.h"
#include "server/engine/engine.h"
#include "server/rpc/call_gate.h"

namespace kvsift {

struct SelectionServiceOptions {
  Engine* engine = nullptr;
  Executor* executor = nullptr;  // for work outside the engine: Calibrate
  CallGate* gate = nullptr;      // counts calls; refuses them once it is closed
  int64_t max_message_bytes = 0;
};

// All that `options` points to outlives the service and its calls. Small work runs on gRPC's own
// threads; larger work moves to the engine's executor and completes its call from there.
std::unique_ptr<grpc::Service> MakeSelectionService(const SelectionServiceOptions& options);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
