// What a gRPC server listens on, before and after it starts.
#ifndef KVSIFT_SERVER_RPC_LISTENERS_H_
#define KVSIFT_SERVER_RPC_LISTENERS_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/listen_address.h"

namespace kvsift {

class Listeners {
 public:
  // Has `builder`'s server listen on `text`, without TLS. This outlives builder.BuildAndStart().
  // Errors: those of ParseListenAddress and RemoveStaleSocket.
  absl::Status Add(const std::string& text, grpc::ServerBuilder& builder);

  // As clients reach them, in the order of Add, with real ports.
  // Errors: UNAVAILABLE, naming the first that could not be had.
  // REQUIRES: BuildAndStart was called, whether or not it started a server.
  absl::StatusOr<std::vector<std::string>> Addresses() const;

 private:
  struct Listener {
    ListenAddress address;
    int port = 0;  // written by BuildAndStart
  };

  std::deque<Listener> listeners_;  // which stay where they are
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_LISTENERS_H_
