#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/progress.h"
#include "client/evaluate/calibration.h"
#include "client/evaluate/evaluate.h"
#include "client/evaluate/report.h"

namespace kvsift::cli {
namespace {

struct EvaluateFlags {
  ServerFlags server;
  std::string trace;
  std::string calibration_trace;
  std::vector<std::string> estimators = {"asymmetric_dot"};
  std::vector<std::string> groupings = {"head"};
  std::vector<int32_t> ks = {64, 256};
  std::vector<int32_t> layers;
  evaluate::Plan plan;
  int32_t sinks = 0;
  int32_t window = 0;
};

// Every grouping with every estimator and k. REQUIRES: names were validated.
std::vector<Policy> PoliciesOf(const EvaluateFlags& flags) {
  std::vector<Policy> policies;
  for (const std::string& grouping : flags.groupings) {
    for (const std::string& estimator : flags.estimators) {
      for (const int32_t k : flags.ks) {
        const Policy policy = {k, *EstimatorFromName(estimator), *GroupingFromName(grouping),
                               flags.sinks, flags.window};
        const bool repeated = std::find(policies.begin(), policies.end(), policy) != policies.end();
        if (!repeated) policies.push_back(policy);
      }
    }
  }
  return policies;
}

std::string Or(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

void PrintHeading(const trace::Trace& trace, const EvaluateFlags& flags,
                  const client::ServerInfo& server) {
  absl::PrintF("trace    %s\n", Or(trace.Remark("text"), flags.trace.c_str()));
  absl::PrintF("model    %s: %d query heads on %d kv heads of dimension %d\n",
               Or(trace.Remark("model"), "unknown"), trace.query_heads(), trace.kv_heads(),
               trace.head_dim());
  absl::PrintF("server   %s: kvsift-server %s, backend %s (%s)\n", flags.server.address,
               server.version, server.backend, server.backend_description);
  absl::PrintF(
      "measured %d queries per head over %d tokens; %d-bit keys, scales from %d keys%s\n\n",
      trace.query_positions().size(), trace.tokens(), flags.plan.key_bits,
      flags.plan.calibration_positions,
      flags.calibration_trace.empty() ? "" : " of " + flags.calibration_trace);
}

// The calibration trace, if it is another than the evaluated one.
absl::StatusOr<std::optional<trace::Trace>> OpenCalibration(const EvaluateFlags& flags) {
  if (flags.calibration_trace.empty()) return std::optional<trace::Trace>();
  absl::StatusOr<trace::Trace> trace = trace::Trace::Open(flags.calibration_trace);
  if (!trace.ok()) return trace.status();
  return std::optional<trace::Trace>(*std::move(trace));
}

absl::StatusOr<evaluate::Report> RunPlan(Client& client, const trace::Trace& trace,
                                         const trace::Trace& calibration, evaluate::Plan plan) {
  CatchInterrupts();
  Progress progress;
  plan.progress = [&progress](const std::string& what, double done) {
    progress.Show(what, done);
    return !Interrupted();
  };
  return evaluate::Evaluate(client, trace, calibration, plan);
}

absl::Status Evaluate(EvaluateFlags& flags) {
  const auto trace = trace::Trace::Open(flags.trace);
  if (!trace.ok()) return trace.status();
  const auto calibration = OpenCalibration(flags);
  if (!calibration.ok()) return calibration.status();
  auto layers = evaluate::LayersOf(*trace, flags.layers);
  if (!layers.ok()) return layers.status();
  flags.plan.layers = *std::move(layers);
  flags.plan.policies = PoliciesOf(flags);
  flags.plan.timeout = absl::Seconds(flags.server.timeout_s);
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto server = (*client)->GetServer(flags.server.Deadline());
  if (!server.ok()) return server.status();
  const auto report =
      RunPlan(**client, *trace, calibration->has_value() ? **calibration : *trace, flags.plan);
  if (!report.ok()) return report.status();
  if (flags.server.json()) {
    std::puts(evaluate::ReportJson(*report).dump(2).c_str());
  } else {
    PrintHeading(*trace, flags, *server);
    std::fputs(evaluate::ReportTable(*report).c_str(), stdout);
  }
  return absl::OkStatus();
}

void AddFlags(CLI::App& command, EvaluateFlags& flags) {
  AddServerFlags(command, flags.server);
  command.add_option("--trace", flags.trace, "Trace to replay (safetensors)")->required();
  command
      .add_option("--calibration-trace", flags.calibration_trace,
                  "Trace to measure key scales on; by default the replayed one")
      ->check(CLI::ExistingFile);
  command
      .add_option("--calibration-positions", flags.plan.calibration_positions,
                  "How many of its keys count")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--estimators", flags.estimators,
                  "manhattan, squared_euclidean, dot, asymmetric_dot")
      ->delimiter(',')
      ->check(CLI::IsMember({"manhattan", "squared_euclidean", "dot", "asymmetric_dot"}))
      ->capture_default_str();
  command
      .add_option("--groupings", flags.groupings,
                  "head, group_max, group_sum, group_union, layer_max")
      ->delimiter(',')
      ->check(CLI::IsMember({"head", "group_max", "group_sum", "group_union", "layer_max"}))
      ->capture_default_str();
  command.add_option("--k", flags.ks, "Positions per list")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--layers", flags.layers, "Layers of the trace; all by default")
      ->delimiter(',');
  command.add_option("--sinks", flags.sinks, "First positions that are always selected")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--window", flags.window, "Recent positions that are always selected")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--key-bits", flags.plan.key_bits, "Bits per dimension of a stored key")
      ->check(CLI::Range(1, 3))
      ->capture_default_str();
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<EvaluateFlags>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Replays a trace through the server and measures what its selections are worth");
  AddFlags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return Evaluate(*flags); }; });
}

}  // namespace kvsift::cli
