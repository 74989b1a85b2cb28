// StreamSteps: one held stream of pipelined steps.
#ifndef KVSIFT_SERVER_RPC_STEP_STREAM_H_
#define KVSIFT_SERVER_RPC_STEP_STREAM_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Returns the reactor of one stream, which deletes itself.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStepStream(
    const ServiceContext& service, grpc::CallbackServerContext& context);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_STREAM_H_
