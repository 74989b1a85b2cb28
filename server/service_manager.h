// The protocol by which a service tells systemd how it is (sd_notify(3)).
#ifndef KVSIFT_SERVER_SERVICE_MANAGER_H_
#define KVSIFT_SERVER_SERVICE_MANAGER_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace kvsift {

class ServiceManager {
 public:
  // `socket` is the value of NOTIFY_SOCKET: a path, or "@" and an abstract name. Empty: nobody
  // asks, and nobody is told.
  explicit ServiceManager(std::string socket) : socket_(std::move(socket)) {}

  // The service serves: units that are ordered after it start now.
  void SayReady() const { Send("READY=1"); }

  // The service ends, and may take `longest` for it, whatever the unit allows.
  void SayStopping(absl::Duration longest) const;

 private:
  // Fails silently: a service does not end because nobody listens.
  void Send(std::string_view state) const;

  const std::string socket_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_SERVICE_MANAGER_H_
