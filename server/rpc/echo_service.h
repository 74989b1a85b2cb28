// kvsift.v1.EchoService: the cost of a call without its work.
#ifndef KVSIFT_SERVER_RPC_ECHO_SERVICE_H_
#define KVSIFT_SERVER_RPC_ECHO_SERVICE_H_

#include <cstdint>
#include <memory>

#include "grpcpp/impl/codegen/service_type.h"

namespace kvsift {

// Answers of more than `max_answer_bytes` are refused.
std::unique_ptr<grpc::Service> MakeEchoService(int64_t max_answer_bytes);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_ECHO_SERVICE_H_
