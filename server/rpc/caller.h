// Who asks, until when, and whether the answer is still wanted.
#ifndef KVSIFT_SERVER_RPC_CALLER_H_
#define KVSIFT_SERVER_RPC_CALLER_H_

#include <chrono>
#include <cstdint>

#include "grpcpp/server_context.h"

namespace kvsift {

// Metadata by which connections tell who they are where addresses do not: all clients of a unix
// socket have the same one.
inline constexpr char kClientMetadata[] = "kvsift-client";

// A number of the connection that a call came by: of its peer's address and kClientMetadata.
uint64_t ClientOf(const grpc::CallbackServerContext& context);

// The deadline of a call on the clock of the engine; the end of time if it has none.
std::chrono::steady_clock::time_point DeadlineOf(const grpc::CallbackServerContext& context);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALLER_H_
