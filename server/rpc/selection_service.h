// kvsift.v1.SelectionService: which function answers which call.
#ifndef KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
#define KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_

#include <memory>

#include "grpcpp/impl/codegen/service_type.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// All that `service` points to outlives the service and its calls. Small work runs on gRPC's own
// threads; larger work moves to the engine's executor and completes its call from there.
std::unique_ptr<grpc::Service> MakeSelectionService(const ServiceContext& service);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SELECTION_SERVICE_H_
