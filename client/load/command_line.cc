#include "client/load/command_line.h"

#include <cstdint>
#include <limits>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "client/load/load_run.h"
#include "client/trace/trace.h"

namespace kvsift::load {
namespace {

constexpr char kAbout[] =
    "Loads a kvsift server as inference workers do, checks its answers and measures it.\n"
    "Exit codes: 0 done, 1 an answer was wrong, 2 the command line is wrong, 3 no server, an\n"
    "interrupt, or nothing was answered.";

// Of one trial of --find-max, unless told otherwise.
constexpr absl::Duration kTrialDuration = absl::Seconds(2);
constexpr absl::Duration kTrialWarmUp = absl::Milliseconds(500);

// Options as they are written, before they become a plan.
struct Texts {
  std::string scenario = "decode";
  std::string estimator = "asymmetric_dot";
  std::string grouping = "head";
  std::string arrival = "poisson";
  std::string format = "table";
  std::string objective = "p99=5ms";
  bool no_echo = false;
  bool find_max = false;
};

// "8s", "500ms"; a bare number is seconds.
bool ReadDuration(const std::string& text, absl::Duration& duration) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = absl::Seconds(seconds);
    return duration >= absl::ZeroDuration() && seconds < 1e9;
  }
  return absl::ParseDuration(text, &duration) && duration >= absl::ZeroDuration() &&
         duration < absl::InfiniteDuration();
}

void AddDuration(CLI::App& app, const std::string& name, absl::Duration& duration,
                 const std::string& about) {
  const auto read = [&duration](const CLI::results_t& given) {
    return ReadDuration(given.front(), duration);
  };
  app.add_option(name, read, about)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(duration));
}

template <typename Number>
CLI::Option* AddCount(CLI::App& app, const std::string& name, Number& value,
                      const std::string& about, double least = 1, double most = 1e9) {
  return app.add_option(name, value, about)->check(CLI::Range(least, most))->capture_default_str();
}

void AddScenarioOptions(CLI::App& app, Plan& plan, Texts& texts) {
  app.add_option(
      "--server", plan.server,
      "Address of the server: host:port or unix:/path; several, with commas between them, or "
      "dns:///name:port are a pool");
  app.add_option("--scenario", texts.scenario, "decode, prefill, mixed, select-only, churn")
      ->check(CLI::IsMember({"decode", "prefill", "mixed", "select-only", "churn"}))
      ->capture_default_str();
  AddCount(app, "--workers", plan.workers, "Callers", 1, 4096);
  AddCount(app, "--outstanding", plan.outstanding,
           "Calls that a worker keeps unanswered, each on sequences of its own", 1, 4096);
  AddCount(app, "--sequences", plan.sequences, "Sequences of one call", 1, 65536);
  AddCount(app, "--prefill-workers", plan.prefill_workers, "Callers that append, in mixed", 1, 64);
  AddCount(app, "--context", plan.context,
           "Positions of a sequence before the measurement, or of one prefill");
  AddCount(app, "--grow", plan.grow, "Positions until a sequence is rolled back to its context");
  app.add_option("--store", plan.store, "Name of the store, which is deleted at the end");
}

void AddShapeOptions(CLI::App& app, Plan& plan, Texts& texts) {
  AddCount(app, "--layers", plan.shape.layers, "Layers of the store", 1, 4096);
  AddCount(app, "--kv-heads", plan.shape.kv_heads, "Kv heads", 1, 4096);
  AddCount(app, "--query-heads", plan.shape.query_heads, "Query heads, a multiple of them", 1,
           4096);
  AddCount(app, "--head-dim", plan.shape.head_dim, "Dimension of a head", 1, kMaxHeadDim);
  AddCount(app, "--key-bits", plan.shape.key_bits, "Bits per dimension of a key", 1, kMaxKeyBits);
  AddCount(app, "--k", plan.policy.k, "Positions per list");
  app.add_option("--grouping", texts.grouping, "head, group_max, group_sum, group_union, layer_max")
      ->check(CLI::IsMember({"head", "group_max", "group_sum", "group_union", "layer_max"}))
      ->capture_default_str();
  app.add_option("--estimator", texts.estimator,
                 "manhattan, squared_euclidean, dot, asymmetric_dot")
      ->check(CLI::IsMember({"manhattan", "squared_euclidean", "dot", "asymmetric_dot"}))
      ->capture_default_str();
  AddCount(app, "--sinks", plan.policy.sinks, "First positions that are always selected", 0);
  AddCount(app, "--window", plan.policy.window, "Recent positions that are always selected", 0);
  app.add_flag("--raw", plan.raw, "Send float16 vectors, not codes");
  app.add_option("--trace", plan.trace,
                 "Keys and queries of a real model (safetensors), whose heads count; else "
                 "synthetic ones")
      ->check(CLI::ExistingFile);
  app.add_option("--seed", plan.seed, "Decides keys, queries, arrivals and what is verified")
      ->capture_default_str();
}

void AddPaceOptions(CLI::App& app, Plan& plan, Texts& texts) {
  AddDuration(app, "--duration", plan.duration,
              "Time that counts; with --find-max of one trial, and 2s by default");
  AddDuration(app, "--warm-up", plan.warm_up, "Time before it that does not");
  AddDuration(app, "--ramp", plan.ramp, "Time until all workers, or the whole rate, are there");
  AddDuration(app, "--think-time", plan.think_time, "Between an answer and the next call");
  app.add_option("--rate", plan.rate,
                 "Calls per second of an open loop; latency counts from when a call was to be sent")
      ->check(CLI::Range(0.001, 1e9));
  app.add_option("--arrival", texts.arrival, "poisson or constant gaps of an open loop")
      ->check(CLI::IsMember({"poisson", "constant"}))
      ->capture_default_str();
  app.add_flag("--find-max", texts.find_max, "Look for the highest rate that keeps --objective");
  app.add_option("--objective", texts.objective, "A quantile of the latency and its limit")
      ->capture_default_str();
  AddCount(app, "--channels", plan.channels, "Connections", 1, 256);
  AddDuration(app, "--busy-poll", plan.busy_poll,
              "Time for which the client, and the echo, polls for an answer before it sleeps");
  AddDuration(app, "--timeout", plan.timeout, "Time that one call may take");
}

void AddReportOptions(CLI::App& app, LoadArguments& load, Texts& texts) {
  app.add_option("--verify", load.plan.verify, "Share of the answers that are recomputed, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--dump-to", load.plan.dump_dir, "Folder for a wrong answer; here by default")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--no-echo", texts.no_echo, "Do not measure what the same bytes cost without work");
  app.add_option("--metrics", load.plan.metrics, "host:port of the server's metrics");
  app.add_option("--format", texts.format, "table, or json for machines")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--report", load.report, "Also write a page for people: out.html");
}

// Takes the heads of the trace where the command line names none.
absl::Status TakeTraceShape(const CLI::App& app, Plan& plan) {
  if (plan.trace.empty()) return absl::OkStatus();
  const auto trace = trace::Trace::Open(plan.trace);
  if (!trace.ok()) return trace.status();
  if (app.count("--kv-heads") == 0) plan.shape.kv_heads = trace->kv_heads();
  if (app.count("--query-heads") == 0) plan.shape.query_heads = trace->query_heads();
  if (app.count("--head-dim") == 0) plan.shape.head_dim = trace->head_dim();
  return absl::OkStatus();
}

absl::Status Finish(const CLI::App& app, const Texts& texts, LoadArguments& load) {
  Plan& plan = load.plan;
  plan.scenario = *ScenarioFromName(texts.scenario);
  plan.policy.estimator = *EstimatorFromName(texts.estimator);
  plan.policy.grouping = *GroupingFromName(texts.grouping);
  plan.arrival = texts.arrival == "constant" ? Arrival::kConstant : Arrival::kPoisson;
  plan.echo = !texts.no_echo;
  load.json = texts.format == "json";
  if (plan.server.empty()) return absl::InvalidArgumentError("--server is required");
  if (plan.duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--duration: expected more than 0");
  }
  const absl::Status trace = TakeTraceShape(app, plan);
  if (!trace.ok()) return trace;
  if (plan.shape.query_heads % plan.shape.kv_heads != 0) {
    return absl::InvalidArgumentError("--query-heads: expected a multiple of --kv-heads");
  }
  if (texts.find_max) {
    auto objective = ParseObjective(texts.objective);
    if (!objective.ok()) return objective.status();
    load.objective = *std::move(objective);
    if (app.count("--duration") == 0) plan.duration = kTrialDuration;
    if (app.count("--warm-up") == 0) plan.warm_up = kTrialWarmUp;
  }
  return ValidatePolicy(plan.policy, std::numeric_limits<int32_t>::max());
}

CLI::App* AddCompare(CLI::App& app, CompareArguments& compare, std::string& format) {
  CLI::App* command = app.add_subcommand("compare", "Compares two reports of --format json");
  command->add_option("A", compare.a, "What it was")->required();
  command->add_option("B", compare.b, "What it is")->required();
  command->add_option("--format", format, "table, or json for machines")
      ->check(CLI::IsMember({"table", "json"}));
  return command;
}

CLI::App* AddReproduce(CLI::App& app, ReproduceArguments& reproduce) {
  CLI::App* command = app.add_subcommand("reproduce", "Sends the question of a wrong answer again");
  command->add_option("FILE", reproduce.file, "As a run has written it")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--server", reproduce.server, "Address of the server")->required();
  return command;
}

}  // namespace

CommandLine ParseCommandLine(int argc, char** argv) {
  CLI::App app(kAbout, "kvsift-load");
  app.set_version_flag("--version", "kvsift-load " KVSIFT_VERSION);
  // A script appends its own to options that are there already.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  LoadArguments load;
  Texts texts;
  AddScenarioOptions(app, load.plan, texts);
  AddShapeOptions(app, load.plan, texts);
  AddPaceOptions(app, load.plan, texts);
  AddReportOptions(app, load, texts);
  CompareArguments compare;
  std::string compare_format = "table";
  const CLI::App* compare_command = AddCompare(app, compare, compare_format);
  ReproduceArguments reproduce;
  const CLI::App* reproduce_command = AddReproduce(app, reproduce);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help arrives here, too, as an error whose code is 0.
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  compare.json = compare_format == "json";
  if (compare_command->parsed()) return compare;
  if (reproduce_command->parsed()) return reproduce;
  const absl::Status status = Finish(app, texts, load);
  if (status.ok()) return load;
  std::fprintf(stderr, "kvsift-load: %s\n", std::string(status.message()).c_str());
  return kExitUsage;
}

}  // namespace kvsift::load
