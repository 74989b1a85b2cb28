// kvsift.v1.EchoService: the cost of a call without its work.
#ifndef KVSIFT_SERVER_RPC_ECHO_SERVICE_H_
#define KVSIFT_SERVER_RPC_ECHO_SERVICE_H_

#include <cstdint>

#include "server/rpc/server_call.h"

namespace kvsift {

// Adds the service's methods to `methods`. Answers of more than `max_answer_bytes` are refused.
void AddEchoService(int64_t max_answer_bytes, MethodTable& methods);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_ECHO_SERVICE_H_
