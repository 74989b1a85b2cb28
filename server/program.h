// kvsift-server from its arguments to its exit code.
#ifndef KVSIFT_SERVER_PROGRAM_H_
#define KVSIFT_SERVER_PROGRAM_H_

#include <string>
#include <vector>

#include "server/rpc/server.h"

namespace kvsift {

// Exit codes beside 0.
inline constexpr int kExitRunFailed = 1;
inline constexpr int kExitBadUsage = 2;
inline constexpr int kExitDeviceFailed = 3;

// What the program finds itself in.
struct Surroundings {
  std::string notify_socket = {};      // as ServiceManager takes it
  BackendsFactory make_backends = {};  // that of ServerOptions: for tests
};

// Serves as `arguments` say, the program's name left out, until a signal or a failed device ends
// it, and returns the exit code. Takes over SIGTERM, SIGINT, SIGUSR1 and SIGPIPE: call it once,
// before the process has other threads.
int RunServerProgram(const std::vector<std::string>& arguments, Surroundings surroundings = {});

}  // namespace kvsift

#endif  // KVSIFT_SERVER_PROGRAM_H_
