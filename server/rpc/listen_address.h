// Addresses that a server listens on: HOST:PORT or unix:PATH.
#ifndef KVSIFT_SERVER_RPC_LISTEN_ADDRESS_H_
#define KVSIFT_SERVER_RPC_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvsift {

struct ListenAddress {
  std::string text;  // as it was given
  std::string host;  // with brackets if it had them; empty for a unix socket
  int port = 0;      // 0: any free one
  std::string path;  // of a unix socket; empty for TCP

  bool is_unix() const { return !path.empty(); }

  // As clients reach it: the real port in place of 0.
  std::string WithPort(int real_port) const;
};

// Errors: INVALID_ARGUMENT unless HOST:PORT with a port of 0 to 65535, [IPV6]:PORT, or unix:PATH
// with a path that fits a socket address.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

// The same for what is served over TCP and IPv4 alone.
// Errors: INVALID_ARGUMENT also for a unix socket or an address of IPv6.
absl::StatusOr<ListenAddress> ParseIpv4Address(const std::string& text);

// True if servers on both would be in each other's way: the same socket; or the same port, not 0,
// of hosts that are the same, or one of which is all of the machine's ("0.0.0.0", "[::]") or both
// of its own ("localhost"). Other names of hosts are not looked up.
bool Overlap(const ListenAddress& a, const ListenAddress& b);

// Makes the path of a unix socket free: removes the socket of a server that is gone. gRPC would
// take the path of a living one as well.
// Errors: ALREADY_EXISTS if a server answers there, or if the path is something else than a socket.
absl::Status RemoveStaleSocket(const std::string& path);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_LISTEN_ADDRESS_H_
