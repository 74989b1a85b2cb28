// kvsift-server.
#include <malloc.h>  // also __GLIBC__

#include <cstdlib>
#include <string>
#include <vector>

#include "server/program.h"

namespace {

// Memory of messages comes and goes by megabytes; given back each time, it would cost a page fault
// every 4 KiB, a third of the time of the threads that receive appends. It is kept in few places:
// glibc would have eight for each processor, each with what was once needed there.
void KeepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 4);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most it takes
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  const char* const notify_socket = std::getenv("NOTIFY_SOCKET");  // from systemd
  return kvsift::RunServerProgram(std::vector<std::string>(argv + 1, argv + argc),
                                  {.notify_socket = notify_socket == nullptr ? "" : notify_socket});
}
