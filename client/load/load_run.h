// A run from the connection to its report.
#ifndef KVSIFT_CLIENT_LOAD_LOAD_RUN_H_
#define KVSIFT_CLIENT_LOAD_LOAD_RUN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/load/document.h"
#include "client/load/find_max.h"
#include "client/load/plan.h"
#include "client/load/socket_floor.h"

namespace kvsift::load {

// Exit codes of the program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitDifference = 1;  // an answer was wrong
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotDone = 3;  // no server, an interrupt, or nothing was answered

struct RunOptions {
  Plan plan;
  std::vector<std::string> command;    // for the report
  std::optional<Objective> objective;  // the highest rate that keeps it is looked for
  SocketFloor* socket = nullptr;       // nothing: the floor of sockets is left out
  std::function<bool()> interrupted = {};
};

struct RunOutcome {
  int exit_code = kExitDone;
  std::string message;  // why it is not kExitDone
  Json document;        // null if there is nothing to report
};

// "UNAVAILABLE: why", without the details that are for programs.
std::string StatusText(const absl::Status& status);

// Runs and cleans up after itself. Progress goes to standard error where that is a terminal.
RunOutcome Run(const RunOptions& options);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_LOAD_RUN_H_
