// The command line of kvsift-load.
#ifndef KVSIFT_CLIENT_LOAD_COMMAND_LINE_H_
#define KVSIFT_CLIENT_LOAD_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <variant>

#include "client/load/find_max.h"
#include "client/load/plan.h"

namespace kvsift::load {

struct LoadArguments {
  Plan plan;
  bool json = false;
  std::string report;  // where the page goes; empty: nowhere
  std::optional<Objective> objective;
};

struct CompareArguments {
  std::string a;
  std::string b;
  bool json = false;
};

struct ReproduceArguments {
  std::string file;
  std::string server;
};

// What is to be done, or the exit code if that is settled: help was asked for, or the command line
// is wrong, which was said on standard error.
using CommandLine = std::variant<LoadArguments, CompareArguments, ReproduceArguments, int>;
CommandLine ParseCommandLine(int argc, char** argv);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_COMMAND_LINE_H_
