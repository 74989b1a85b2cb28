// Runs a command and reads what it prints.
#ifndef KVSIFT_TESTS_CLIENT_RUN_PROGRAM_H_
#define KVSIFT_TESTS_CLIENT_RUN_PROGRAM_H_

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace kvsift {

struct Finished {
  int exit_code = -1;
  std::string output;
};

inline Finished RunProgram(const std::string& command) {
  Finished finished;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return finished;
  char buffer[4096];
  while (const size_t size = fread(buffer, 1, sizeof(buffer), pipe)) {
    finished.output.append(buffer, size);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) finished.exit_code = WEXITSTATUS(status);
  return finished;
}

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_RUN_PROGRAM_H_
