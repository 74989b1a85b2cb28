#include "client/cli/progress.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "absl/time/clock.h"

namespace kvsift::cli {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(2);

volatile sig_atomic_t interrupted = 0;

}  // namespace

Progress::Progress() : start_(absl::Now()), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::Show(const std::string& what, double done) {
  if (!terminal_ || absl::Now() - start_ < kQuiet) return;
  std::fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * done, what.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted != 0; }

}  // namespace kvsift::cli
