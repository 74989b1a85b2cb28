// Wakes a server that waits for connections, by making one.
#ifndef KVSIFT_SERVER_RPC_METRICS_DOORBELL_H_
#define KVSIFT_SERVER_RPC_METRICS_DOORBELL_H_

#include <netinet/in.h>

#include <optional>
#include <string>

namespace kvsift {

// Civetweb 1.15 looks every 2 s whether it shall stop, and with each connection (its issue 1163).
class Doorbell {
 public:
  // Of a server of this process. `host` is a name or an address of IPv4.
  Doorbell(const std::string& host, int port);

  // Connects and closes the connection. Does nothing if `host` means nothing.
  void Ring() const;

 private:
  std::optional<sockaddr_in> address_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_DOORBELL_H_
