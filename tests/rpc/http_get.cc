#include "tests/rpc/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace kvsift {

int ConnectTo(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(std::atoi(address.substr(colon + 1).c_str())));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr) != 1) return -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0) return fd;
  close(fd);
  return -1;
}

HttpAnswer HttpGet(const std::string& address, const std::string& path) {
  const int fd = ConnectTo(address);
  if (fd < 0) return {};
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\n\r\n";
  std::string text;
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) == std::ssize(request)) {
    char part[4096];
    for (ssize_t count = 0; (count = recv(fd, part, sizeof(part), 0)) > 0;) {
      text.append(part, static_cast<size_t>(count));
    }
  }
  close(fd);
  const size_t status = text.find(' ');
  const size_t body = text.find("\r\n\r\n");
  if (status == std::string::npos || body == std::string::npos) return {};
  return {.status = std::atoi(text.c_str() + status), .body = text.substr(body + 4)};
}

}  // namespace kvsift
