// The floor of any transport between two processes of a machine: a bare unix socket.
#ifndef KVSIFT_CLIENT_LOAD_SOCKET_FLOOR_H_
#define KVSIFT_CLIENT_LOAD_SOCKET_FLOOR_H_

#include <sys/types.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/load/floors.h"
#include "client/load/message_sizes.h"

namespace kvsift::load {

// A partner process that answers over a socket pair. Thread-compatible.
class SocketFloor {
 public:
  // Forks. REQUIRES: the process has one thread. Null if the system refuses.
  static std::unique_ptr<SocketFloor> Start();

  // Ends the partner.
  ~SocketFloor();

  // Calls one after the other; both sides block in read. Errors: UNAVAILABLE if the partner is
  // gone.
  absl::StatusOr<Floor> Measure(const MessageSizes& sizes, absl::Duration duration);

 private:
  SocketFloor(int socket, pid_t partner) : socket_(socket), partner_(partner) {}

  const int socket_;
  const pid_t partner_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_SOCKET_FLOOR_H_
