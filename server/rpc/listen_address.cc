#include "server/rpc/listen_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kvsift {
namespace {

constexpr int kMaxPort = 65535;
constexpr char kLocalhost[] = "localhost";
constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

absl::Status BadAddress(const std::string& text, const std::string& limit) {
  return absl::InvalidArgumentError(absl::StrCat("listen: ", text, ", expected ", limit));
}

// Absolute, without "." and ".." and double slashes.
std::filesystem::path PlainPath(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal();
}

// gRPC listens for IPv4 and IPv6 alike if it is either's address for all hosts.
bool IsEveryHost(const std::string& host) { return host == "0.0.0.0" || host == "[::]"; }

bool IsLoopback(const std::string& host) {
  return host == kLocalhost || host == "127.0.0.1" || host == "[::1]";
}

// True if something accepts connections at the socket `path`.
bool IsAlive(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // not known to be dead
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const bool is_refused = connected != 0 && (errno == ECONNREFUSED || errno == ENOENT);
  close(fd);
  return !is_refused;
}

// `forms` are what `text` may be.
absl::StatusOr<ListenAddress> ParseTcp(const std::string& text, const std::string& forms) {
  const size_t colon = text.rfind(':');
  // Lists are cut at commas and spaces; hosts have neither.
  if (colon == std::string::npos || colon == 0 || text.find_first_of(", ") != std::string::npos) {
    return BadAddress(text, forms);
  }
  ListenAddress address{.text = text, .host = text.substr(0, colon), .port = 0, .path = {}};
  const bool is_bracketed = address.host.front() == '[' && address.host.back() == ']';
  if (!is_bracketed && address.host.find(':') != std::string::npos) {
    return BadAddress(text, "an IPv6 address in brackets, [ADDRESS]:PORT");
  }
  const std::string digits = text.substr(colon + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(digits, &address.port) || address.port > kMaxPort) {
    return BadAddress(text, absl::StrCat("a port of 0 to ", kMaxPort));
  }
  return address;
}

}  // namespace

std::string ListenAddress::WithPort(int real_port) const {
  return is_unix() ? text : absl::StrCat(host, ":", real_port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  absl::string_view path = text;
  if (!absl::ConsumePrefix(&path, "unix:")) return ParseTcp(text, "HOST:PORT or unix:PATH");
  // unix:///path names the same socket as unix:/path.
  if (absl::ConsumePrefix(&path, "//") && !absl::StartsWith(path, "/")) {
    return BadAddress(text, "unix:PATH or unix:///ABSOLUTE/PATH");
  }
  if (path.empty() || path.size() > kMaxPathBytes) {
    return BadAddress(text, absl::StrCat("a path of 1 to ", kMaxPathBytes, " bytes"));
  }
  return ListenAddress{.text = text, .host = {}, .port = 0, .path = std::string(path)};
}

absl::StatusOr<ListenAddress> ParseIpv4Address(const std::string& text) {
  if (absl::StartsWith(text, "unix:") || absl::StartsWith(text, "[")) {
    return BadAddress(text, "HOST:PORT over IPv4, not IPv6 or a unix socket");
  }
  return ParseTcp(text, "HOST:PORT");
}

bool Overlap(const ListenAddress& a, const ListenAddress& b) {
  if (a.is_unix() || b.is_unix()) {
    return a.is_unix() && b.is_unix() && PlainPath(a.path) == PlainPath(b.path);
  }
  if (a.port != b.port || a.port == 0) return false;
  return a.host == b.host || IsEveryHost(a.host) || IsEveryHost(b.host) ||
         (IsLoopback(a.host) && IsLoopback(b.host) &&
          (a.host == kLocalhost || b.host == kLocalhost));
}

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();  // free, or bind will say why not
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": exists and is not a socket"));
  }
  if (IsAlive(path)) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": a server is listening there"));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::AlreadyExistsError(absl::StrCat(
        path, ": the socket of a server that is gone cannot be removed: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace kvsift
