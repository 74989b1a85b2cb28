// A gRPC server whose calls are those of a table of methods.
#ifndef KVSIFT_SERVER_RPC_CALL_SERVER_H_
#define KVSIFT_SERVER_RPC_CALL_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"
#include "proto/transport/completion_loop.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/server_call.h"

namespace kvsift {

class CallServer {
 public:
  struct Options {
    std::vector<std::string> listen;  // as ParseListenAddress reads them; at least one
    int64_t max_message_bytes = 0;    // both directions
    CompletionLoopOptions loop;
    absl::Duration busy_poll;  // CompletionLoop::Await
  };

  // Serves `methods`; other calls are UNIMPLEMENTED.
  // Errors: UNAVAILABLE, ALREADY_EXISTS if an address cannot be had; those of ParseListenAddress.
  static absl::StatusOr<std::unique_ptr<CallServer>> Start(const Options& options,
                                                           MethodTable methods);

  // Shuts down at once if that has not been done.
  ~CallServer();

  // As clients reach them, in the order of Options::listen, with real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Takes no calls any more, cancels those that have not ended `grace` from now, and waits until
  // all have ended and nothing reacts to them any more.
  void Shutdown(absl::Duration grace);

 private:
  explicit CallServer(MethodTable methods) : methods_(std::move(methods)) {}

  const MethodTable methods_;
  grpc::AsyncGenericService service_;
  CallGate calls_;
  std::unique_ptr<CompletionLoop> loop_;
  CompletionLoop::Awaiting wait_;  // for calls, always
  CallSource source_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_SERVER_H_
