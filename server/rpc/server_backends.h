// The backends of a server, as its options name them.
#ifndef KVSIFT_SERVER_RPC_SERVER_BACKENDS_H_
#define KVSIFT_SERVER_RPC_SERVER_BACKENDS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/backends.h"
#include "kernels/executor.h"
#include "server/rpc/log.h"
#include "server/rpc/server.h"

namespace kvsift {

struct ServerBackends {
  // Threads that watch GPUs, one each; outlives the backends. Null where there are none.
  std::unique_ptr<Executor> completions;
  std::vector<std::unique_ptr<Backend>> backends;  // by index of the device
};

// The backend that `options` choose, on GPU `device` if it is one for GPUs. Takes no memory.
// Errors: those of ChooseBackend, with the name of the option at fault.
absl::StatusOr<BackendChoice> ChooseServerBackend(const ServerOptions& options, int device);

// Makes them, and logs what they are, why "auto" passed over a faster one, and whether other
// processes may hold a GPU up. `executor` outlives them.
// Errors: those of CreateBackend, with the name of the option at fault.
absl::StatusOr<ServerBackends> MakeServerBackends(const ServerOptions& options, Executor& executor,
                                                  Logger& logger);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SERVER_BACKENDS_H_
