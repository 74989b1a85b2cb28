// How gRPC is set up, in one place, so that what is measured is what is served.
#ifndef KVSIFT_SERVER_RPC_TUNING_H_
#define KVSIFT_SERVER_RPC_TUNING_H_

#include <cstdint>

#include "grpcpp/server_builder.h"

namespace kvsift {

// Sets message limits and transport behaviour of a server.
void TuneServer(int64_t max_message_bytes, grpc::ServerBuilder& builder);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_TUNING_H_
