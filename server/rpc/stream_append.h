// StreamAppendKeys: one message is applied while the next one arrives, and no third is read, so
// that the transport's flow control bounds what a fast client can pile up.
#ifndef KVSIFT_SERVER_RPC_STREAM_APPEND_H_
#define KVSIFT_SERVER_RPC_STREAM_APPEND_H_

#include <memory>

#include "server/rpc/server_call.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Applies the appends of `call` and answers it. `service` outlives it.
void StartStreamAppend(const ServiceContext& service, std::unique_ptr<ServerCall> call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STREAM_APPEND_H_
