#include "server/rpc/metrics/doorbell.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace kvsift {

Doorbell::Doorbell(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return;
  address_.emplace();
  std::memcpy(&*address_, found->ai_addr, sizeof(*address_));
  address_->sin_port = htons(static_cast<uint16_t>(port));
  freeaddrinfo(found);
}

void Doorbell::Ring() const {
  if (!address_.has_value()) return;
  // To an address of this machine, so it is answered or refused at once.
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  static_cast<void>(connect(fd, reinterpret_cast<const sockaddr*>(&*address_), sizeof(*address_)));
  close(fd);
}

}  // namespace kvsift
