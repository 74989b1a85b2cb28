// StreamAppendKeys: one message in memory at a time, applied before the next is read, so that the
// transport's flow control bounds what a fast client can pile up.
#ifndef KVSIFT_SERVER_RPC_STREAM_APPEND_H_
#define KVSIFT_SERVER_RPC_STREAM_APPEND_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/engine.h"
#include "server/rpc/call_gate.h"

namespace kvsift {

// Returns the reactor of one stream, which deletes itself. The answer goes into `out`.
grpc::ServerReadReactor<grpc::ByteBuffer>* StartStreamAppend(Engine& engine, CallGate& gate,
                                                             grpc::ByteBuffer& out);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STREAM_APPEND_H_
