// kvsift: the command line of a kvsift server.
#include <cstdio>
#include <string>

#include "client/cli/command.h"

int main(int argc, char** argv) {
  CLI::App app("Selects the past tokens that a query should attend to: tools for a server",
               "kvsift");
  app.require_subcommand(1);
  kvsift::cli::Action action;
  kvsift::cli::AddStatusCommand(app, action);
  kvsift::cli::AddStoresCommand(app, action);
  kvsift::cli::AddSequencesCommand(app, action);
  kvsift::cli::AddCalibrateCommand(app, action);
  kvsift::cli::AddEvaluateCommand(app, action);
  kvsift::cli::AddPlanCommand(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help arrives here, too, as an error whose code is 0.
    return app.exit(error) == 0 ? kvsift::cli::kExitDone : kvsift::cli::kExitUsage;
  }
  const absl::Status status = action();
  if (status.ok()) return kvsift::cli::kExitDone;
  std::fprintf(stderr, "kvsift: %s\n", status.ToString().c_str());
  return kvsift::cli::kExitFailed;
}
