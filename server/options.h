// The command line and config file of kvsift-server.
#ifndef KVSIFT_SERVER_OPTIONS_H_
#define KVSIFT_SERVER_OPTIONS_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/option_places.h"
#include "server/rpc/log.h"
#include "server/rpc/server.h"

namespace kvsift {

struct ProgramOptions {
  ServerOptions server;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  bool check_only = false;  // --check-config: nothing is to be started
  OptionPlaces places;      // of the config file
};

// Text that was asked for in place of a run: --help or --version.
struct ProgramText {
  std::string text;
};

// Parses `arguments`, the program's name left out. What a config file says holds where the command
// line says nothing; a --listen on the command line replaces those of the file.
// The defaults of --threads and --call-threads follow the machine's `processors`.
// Errors: INVALID_ARGUMENT in words for people, with FILE:LINE where the config file is wrong.
absl::StatusOr<std::variant<ProgramOptions, ProgramText>> ParseProgramOptions(
    const std::vector<std::string>& arguments, int processors);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_OPTIONS_H_
