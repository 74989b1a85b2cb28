// Who asks, until when, and whether the answer is still wanted.
#ifndef KVSIFT_SERVER_RPC_CALLER_H_
#define KVSIFT_SERVER_RPC_CALLER_H_

#include <chrono>
#include <cstdint>

#include "grpcpp/server_context.h"

namespace kvsift {

// A number of the connection that a call came by: of its peer's address and its user agent. All
// clients of a unix socket have the same address; the C++ client has a user agent of its own for
// each connection.
uint64_t ClientOf(const grpc::ServerContext& context);

// The deadline of a call on the clock of the engine; the end of time if it has none.
std::chrono::steady_clock::time_point DeadlineOf(const grpc::ServerContext& context);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALLER_H_
