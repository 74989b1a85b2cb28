// What the commands of `kvsift` share: how they find a server, print, and end.
//
// Human-readable text by default, JSON alone on standard output with --format json; progress and
// errors go to standard error. Exit codes: 0 done, 1 failed, 2 the command line is wrong.
#ifndef KVSIFT_CLIENT_CLI_COMMAND_H_
#define KVSIFT_CLIENT_CLI_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kvsift/client.h"

namespace kvsift::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// The flags of every command.
struct ServerFlags {
  std::string address;
  double timeout_s = 30;  // of one call
  std::string format = "text";

  bool json() const { return format == "json"; }
  absl::Time Deadline() const;
};

// Adds --server, --timeout and --format to a command.
void AddServerFlags(CLI::App& command, ServerFlags& flags);

// A connection to the server of the flags.
absl::StatusOr<std::unique_ptr<Client>> Connect(const ServerFlags& flags);

// What the parsed command line asks for; empty until a command was parsed.
using Action = std::function<absl::Status()>;

// Each adds a command to `app`; parsing it sets `action`, which owns its flags.
void AddStatusCommand(CLI::App& app, Action& action);
void AddStoresCommand(CLI::App& app, Action& action);
void AddSequencesCommand(CLI::App& app, Action& action);
void AddCalibrateCommand(CLI::App& app, Action& action);
void AddEvaluateCommand(CLI::App& app, Action& action);
void AddPlanCommand(CLI::App& app, Action& action);

}  // namespace kvsift::cli

#endif  // KVSIFT_CLIENT_CLI_COMMAND_H_
