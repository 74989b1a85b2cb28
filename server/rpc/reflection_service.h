// grpc.reflection.v1.ServerReflection: the schema of a server's services, for tools that have none.
// https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
#ifndef KVSIFT_SERVER_RPC_REFLECTION_SERVICE_H_
#define KVSIFT_SERVER_RPC_REFLECTION_SERVICE_H_

#include <string>
#include <vector>

#include "server/rpc/server_call.h"

namespace kvsift {

// Adds the service, also as v1alpha, to `methods`. Besides itself it lists `services`, and
// describes those whose schema is linked in.
void AddReflectionService(std::vector<std::string> services, MethodTable& methods);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_REFLECTION_SERVICE_H_
