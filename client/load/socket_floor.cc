#include "client/load/socket_floor.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "client/load/clock.h"

namespace kvsift::load {
namespace {

// Begins each request: how large it and its answer are.
using Header = MessageSizes;

bool SendAll(int socket, const std::vector<char>& bytes, int64_t count) {
  for (int64_t sent = 0; sent < count;) {
    const ssize_t size = ::send(socket, bytes.data() + sent, count - sent, MSG_NOSIGNAL);
    if (size <= 0) return false;
    sent += size;
  }
  return true;
}

bool ReceiveAll(int socket, std::vector<char>& bytes, int64_t count) {
  if (std::ssize(bytes) < count) bytes.resize(count);
  for (int64_t received = 0; received < count;) {
    const ssize_t size = ::recv(socket, bytes.data() + received, count - received, 0);
    if (size <= 0) return false;
    received += size;
  }
  return true;
}

// The partner: answers until the socket is closed.
void Answer(int socket) {
  std::vector<char> bytes;
  while (ReceiveAll(socket, bytes, sizeof(Header))) {
    Header header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (!ReceiveAll(socket, bytes, header.request_bytes - static_cast<int64_t>(sizeof(header)))) {
      return;
    }
    if (std::ssize(bytes) < header.answer_bytes) bytes.resize(header.answer_bytes);
    if (!SendAll(socket, bytes, header.answer_bytes)) return;
  }
}

}  // namespace

std::unique_ptr<SocketFloor> SocketFloor::Start() {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return nullptr;
  const pid_t partner = ::fork();
  if (partner == 0) {
    ::close(sockets[0]);
    // The program ends it, also after an interrupt; and so does the program's own end.
    ::signal(SIGINT, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Answer(sockets[1]);
    ::_exit(0);
  }
  ::close(sockets[1]);
  if (partner > 0) return std::unique_ptr<SocketFloor>(new SocketFloor(sockets[0], partner));
  ::close(sockets[0]);
  return nullptr;
}

SocketFloor::~SocketFloor() {
  ::close(socket_);
  ::waitpid(partner_, nullptr, 0);
}

absl::StatusOr<Floor> SocketFloor::Measure(const MessageSizes& sizes, absl::Duration duration) {
  const Header header = {
      std::max<int64_t>(sizes.request_bytes, static_cast<int64_t>(sizeof(Header))),
      std::max<int64_t>(sizes.answer_bytes, 1)};
  std::vector<char> request(header.request_bytes);
  std::memcpy(request.data(), &header, sizeof(header));
  std::vector<char> answer(header.answer_bytes);
  Floor floor;
  const int64_t start = MonotonicNs();
  const int64_t end = start + absl::ToInt64Nanoseconds(duration);
  for (int64_t now = start; now < end;) {
    if (!SendAll(socket_, request, header.request_bytes) ||
        !ReceiveAll(socket_, answer, header.answer_bytes)) {
      return absl::UnavailableError("the partner of the socket is gone");
    }
    const int64_t done = MonotonicNs();
    floor.latency.Record(done - now);
    now = done;
  }
  floor.elapsed_s = static_cast<double>(MonotonicNs() - start) * 1e-9;
  floor.p50s = {floor.latency.Quantile(0.5)};
  return floor;
}

}  // namespace kvsift::load
