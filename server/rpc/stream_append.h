// StreamAppendKeys: one message is applied while the next one arrives, and no third is read, so
// that the transport's flow control bounds what a fast client can pile up.
#ifndef KVSIFT_SERVER_RPC_STREAM_APPEND_H_
#define KVSIFT_SERVER_RPC_STREAM_APPEND_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Returns the reactor of one stream, which deletes itself. The answer goes into `out`.
grpc::ServerReadReactor<grpc::ByteBuffer>* StartStreamAppend(
    const ServiceContext& service, const grpc::CallbackServerContext& context,
    grpc::ByteBuffer& out);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STREAM_APPEND_H_
