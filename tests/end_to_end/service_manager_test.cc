// What kvsift-server tells systemd, which listens at a datagram socket.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/end_to_end/program_test.h"

namespace kvsift {
namespace {

class ServiceManagerTest : public ProgramTest {
 protected:
  ServiceManagerTest() {
    const std::string path = Path("notify");
    setenv("NOTIFY_SOCKET", path.c_str(), 1);  // children inherit it
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~ServiceManagerTest() override {
    close(socket_);
    unsetenv("NOTIFY_SOCKET");
  }

  // The next message; empty if none is there and `flags` say not to wait.
  std::string Message(int flags = 0) const {
    char text[256];
    const ssize_t size = recv(socket_, text, sizeof(text), flags);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

  int socket_ = -1;
};

TEST_F(ServiceManagerTest, HearsWhenTheServerServesAndHowLongItsEndMayTake) {
  const auto program = Start({"--listen", "127.0.0.1:0", "--drain-timeout", "90"});
  ListenedAddress(program->ReadLine());
  EXPECT_EQ(Message(), "READY=1");
  program->Signal(SIGTERM);
  EXPECT_EQ(Message(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=120000000");
  EXPECT_EQ(program->Wait(), 0);
}

TEST_F(ServiceManagerTest, HearsNothingOfAServerThatCannotStart) {
  ExpectFails({"--listen", "unix:" + Path("notify")}, 1, "");
  EXPECT_EQ(Message(MSG_DONTWAIT), "");
}

TEST_F(ServiceManagerTest, NeedNotListen) {
  setenv("NOTIFY_SOCKET", Path("nobody").c_str(), 1);
  const auto program = Start({"--listen", "127.0.0.1:0"});
  ListenedAddress(program->ReadLine());
  program->Signal(SIGTERM);
  EXPECT_EQ(program->Wait(), 0);
}

}  // namespace
}  // namespace kvsift
