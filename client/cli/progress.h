// Progress of work that takes a while, for a person at a terminal.
#ifndef KVSIFT_CLIENT_CLI_PROGRESS_H_
#define KVSIFT_CLIENT_CLI_PROGRESS_H_

#include <string>

#include "absl/time/time.h"

namespace kvsift::cli {

// Writes one line to standard error and keeps rewriting it; writes nothing if standard error is
// no terminal, or in the first two seconds.
class Progress {
 public:
  Progress();
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` in 0 .. 1.
  void Show(const std::string& what, double done);

 private:
  absl::Time start_;
  bool terminal_;
  bool shown_ = false;
};

// From now on the first SIGINT or SIGTERM only sets a flag, so that a command can clean up after
// itself; the second ends the program.
void CatchInterrupts();
bool Interrupted();

}  // namespace kvsift::cli

#endif  // KVSIFT_CLIENT_CLI_PROGRESS_H_
