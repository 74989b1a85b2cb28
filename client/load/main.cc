// kvsift-load: load tester of a kvsift server.
#include <cstdio>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cli/progress.h"
#include "client/load/command_line.h"
#include "client/load/compare_command.h"
#include "client/load/load_run.h"
#include "client/load/report_page.h"
#include "client/load/reproduce.h"
#include "client/load/table.h"

namespace kvsift::load {
namespace {

constexpr absl::Duration kReproduceTimeout = absl::Seconds(60);

int Fail(int exit_code, const std::string& message) {
  std::fprintf(stderr, "kvsift-load: %s\n", message.c_str());
  return exit_code;
}

bool WritePage(const std::string& path, const Json& document) {
  std::ofstream file(path, std::ios::binary);
  file << RenderReport(document);
  file.close();
  return static_cast<bool>(file);
}

struct Program {
  SocketFloor* socket;
  std::vector<std::string> command;

  int operator()(int exit_code) const { return exit_code; }

  int operator()(const CompareArguments& compare) const {
    return RunCompare(compare.a, compare.b, compare.json);
  }

  int operator()(const ReproduceArguments& reproduce) const {
    const auto wrong = ReadWrongAnswer(reproduce.file);
    if (!wrong.ok()) return Fail(kExitUsage, std::string(wrong.status().message()));
    const auto outcome = Reproduce(reproduce.server, *wrong, kReproduceTimeout);
    if (!outcome.ok()) return Fail(kExitNotDone, StatusText(outcome.status()));
    std::puts(outcome->text.c_str());
    return outcome->differs ? kExitDifference : kExitDone;
  }

  int operator()(const LoadArguments& load) const {
    cli::CatchInterrupts();
    const RunOutcome outcome =
        Run({load.plan, command, load.objective, socket, [] { return cli::Interrupted(); }});
    if (!outcome.document.is_null()) {
      const std::string text =
          load.json ? outcome.document.dump(2) + "\n" : ReportTable(outcome.document);
      std::fputs(text.c_str(), stdout);
      if (!load.report.empty() && !WritePage(load.report, outcome.document)) {
        return Fail(kExitNotDone, load.report + ": cannot be written");
      }
    }
    return outcome.exit_code == kExitDone ? kExitDone : Fail(outcome.exit_code, outcome.message);
  }
};

}  // namespace
}  // namespace kvsift::load

int main(int argc, char** argv) {
  // The distribution's abseil looks for cycles of locks at each lock, for gRPC's too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Before anything starts a thread.
  const auto socket = kvsift::load::SocketFloor::Start();
  const auto command_line = kvsift::load::ParseCommandLine(argc, argv);
  return std::visit(
      kvsift::load::Program{socket.get(), std::vector<std::string>(argv, argv + argc)},
      command_line);
}
