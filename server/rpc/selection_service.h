// kvsift.v1.SelectionService: which function answers which call.
#ifndef KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
#define KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_

#include "server/rpc/server_call.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Adds the service's methods to `methods`. `service` and all that it points to outlive their calls.
// Small work runs on the threads that hear of calls; larger work moves to the engine's executor and
// completes its call from there.
void AddSelectionService(const ServiceContext& service, MethodTable& methods);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
