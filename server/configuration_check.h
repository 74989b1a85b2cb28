// Whether options can work together and on a machine, before anything is started.
#ifndef KVSIFT_SERVER_CONFIGURATION_CHECK_H_
#define KVSIFT_SERVER_CONFIGURATION_CHECK_H_

#include "absl/status/status.h"
#include "server/machine.h"
#include "server/rpc/server.h"

namespace kvsift {

// Takes nothing: neither addresses, which a server that runs with the same options may hold, nor
// memory.
// Errors, each beginning with "--OPTION: " and naming the value and what to write instead:
// INVALID_ARGUMENT for what never works: two listeners on one address, a socket in a folder that
// is not there, more memory than there is; FAILED_PRECONDITION for a backend that cannot run here.
absl::Status CheckConfiguration(const ServerOptions& options, const Machine& machine);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_CONFIGURATION_CHECK_H_
