// Bad weather: what clients that do wrong cost a worker that does nothing wrong, and the server.
//
// Starts kvsift-server as a child and measures one worker, which decodes over a held stream with a
// millisecond between two steps: alone (calm), then beside each disturbance, each followed by calm,
// and beside all at once. Prints the worker's latencies, their p99 as a ratio to that of the calm
// phase before, and the server's memory; --format json for machines. Exit code 1 if an answer was
// wrong, memory went beyond the bound, or the server did not end cleanly. No time is asserted.
//
// Server, worker and disturbers share one machine. The disturbers run under SCHED_IDLE, so that
// they get processors only while nobody else wants them; where there are many, they can have some
// of their own (--elsewhere), as if they called from another machine. The server's own work for
// them competes with the worker. The first disturbance, "spin", calls nobody: what it does to the
// worker is the machine's part in what the others do.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/bench/weather/disturber.h"
#include "tests/bench/weather/report.h"

namespace kvsift::weather {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

struct Config {
  int phase_ms = 4000;
  int calm_ms = 2000;
  std::vector<std::string> only;  // names of disturbances; empty: each, and all at once
  ServerLimits limits;
  int64_t slack_bytes = 256 * kMiB;
  bool are_equal = false;  // disturbers get processors as everybody does
  int elsewhere = 0;       // processors of the disturbers; 0: all
  std::string format = "text";
};

double LoadAverage() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

class Weather {
 public:
  explicit Weather(const Config& config)
      : config_(config), server_(config.limits), stub_(Connect(server_.address())) {}

  Report Run() {
    FillStores(*stub_);
    worker_.emplace(server_.address());
    worker_->Run(std::chrono::milliseconds(config_.calm_ms / 2));  // warms up
    Calm();
    report_.bound_bytes = Bound();
    std::vector<std::string> all;
    for (const Disturbance& disturbance : Disturbances()) {
      if (!IsWanted(disturbance.name)) continue;
      // The machine's part is not the weather.
      if (disturbance.run != RunSpin) all.push_back(disturbance.name);
      Disturb(disturbance.name, {disturbance.name});
    }
    if (all.size() > 1) Disturb("all", all);
    Release();
    End();
    Judge();
    return std::move(report_);
  }

 private:
  bool IsWanted(const std::string& name) const {
    return config_.only.empty() ||
           std::find(config_.only.begin(), config_.only.end(), name) != config_.only.end();
  }

  // Everything that the server may hold beside what it held in the calm: key codes up to the
  // budget, the queue, answers that wait to be read, and messages that have begun to arrive; the
  // rest is for sockets and for what the allocator keeps.
  int64_t Bound() const {
    return report_.phases.front().memory.resident_bytes + config_.limits.memory_bytes +
           2 * config_.limits.max_queued_bytes + kStalls * config_.limits.max_message_bytes +
           config_.slack_bytes;
  }

  Phase& Measure(const std::string& name, int ms) {
    const double load = LoadAverage();
    server_.ForgetPeak();
    const Measurement measured = worker_->Run(std::chrono::milliseconds(ms));
    const Memory memory = server_.ReadMemory();
    const int64_t before = report_.phases.empty() ? 0 : report_.phases.back().memory.resident_bytes;
    report_.phases.push_back({.name = name,
                              .measured = measured,
                              .memory = memory,
                              .growth_bytes = memory.resident_bytes - before,
                              .load = load,
                              .disturbers = {}});
    return report_.phases.back();
  }

  void Calm() { calm_p99_us_ = Measure("calm", config_.calm_ms).measured.p99_us; }

  std::unique_ptr<Disturber> Start(const std::string& name, int ms) const {
    return std::make_unique<Disturber>(name, server_.address(), config_.limits.max_message_bytes,
                                       std::chrono::milliseconds(ms), !config_.are_equal,
                                       config_.elsewhere);
  }

  void Disturb(const std::string& name, const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<Disturber>> disturbers;
    for (const std::string& each : names) disturbers.push_back(Start(each, config_.phase_ms));
    Phase& phase = Measure(name, config_.phase_ms);
    if (calm_p99_us_ > 0) phase.ratio = phase.measured.p99_us / calm_p99_us_;
    for (const auto& disturber : disturbers) {
      for (const auto& [what, count] : disturber->Wait()) phase.disturbers[what] += count;
    }
    Calm();
  }

  // Gives back what the disturbers have appended, and lets the server come to rest.
  void Release() {
    DeleteDisturbedStore(*stub_);
    worker_->Run(std::chrono::milliseconds(config_.calm_ms));
    report_.released_bytes = server_.ReadMemory().resident_bytes;
    FillDisturbedStore(*stub_);
  }

  // The server is told to end while clients do not read.
  void End() {
    constexpr std::chrono::milliseconds kUntilFull{300};
    const auto unread = Start("unread", 1000 * (config_.limits.drain_seconds + 1));
    worker_->Run(kUntilFull);
    worker_.reset();
    const Clock::time_point start = Clock::now();
    report_.exit_code = server_.Drain();
    report_.drain_seconds = std::chrono::duration<double>(Clock::now() - start).count();
    unread->Wait();
  }

  void Judge() {
    for (const Phase& phase : report_.phases) {
      if (phase.measured.wrong > 0 || phase.measured.steps == 0) {
        report_.failures.push_back(phase.name + ": the worker got wrong answers, or none");
      }
      if (phase.memory.peak_bytes > report_.bound_bytes) {
        report_.failures.push_back(phase.name + ": memory went beyond the bound");
      }
      if (phase.disturbers.contains("broke down")) {
        report_.failures.push_back(phase.name + ": a disturber broke down");
      }
    }
    if (report_.exit_code != 0) report_.failures.emplace_back("the server's exit code is not 0");
  }

  const Config& config_;
  WeatherServer server_;
  std::unique_ptr<Stub> stub_;
  std::optional<MeasuredWorker> worker_;
  double calm_p99_us_ = 0;
  Report report_;
};

int Main(int argc, char** argv) {
  Config config;
  CLI::App app("A worker that does nothing wrong beside clients that do");
  app.add_option("--phase-ms", config.phase_ms, "Of each disturbance")->capture_default_str();
  app.add_option("--calm-ms", config.calm_ms, "Of each calm between them")->capture_default_str();
  app.add_option("--only", config.only, "Names of disturbances");
  app.add_option("--backend", config.limits.backend, "Of the server")->capture_default_str();
  app.add_option("--threads", config.limits.threads, "Of the server that score [as it takes]");
  app.add_option("--memory", config.limits.memory_bytes)->capture_default_str();
  app.add_option("--max-message-bytes", config.limits.max_message_bytes)->capture_default_str();
  app.add_option("--max-queued-bytes", config.limits.max_queued_bytes)->capture_default_str();
  app.add_option("--drain-timeout", config.limits.drain_seconds, "Of the server, in seconds")
      ->capture_default_str();
  app.add_option("--metrics-listen", config.limits.metrics_listen, "Of the server");
  app.add_option("--slack", config.slack_bytes, "Part of the bound of memory, in bytes")
      ->capture_default_str();
  app.add_flag("--equal-priority", config.are_equal,
               "Disturbers get processors as the others do: ends in time on a busy machine");
  app.add_option("--elsewhere", config.elsewhere,
                 "Processors that disturbers, and they alone, have; 0: none of their own")
      ->capture_default_str()
      ->check(CLI::Range(0, ProcessorsOfMachine() - 1));
  app.add_option("--format", config.format)->check(CLI::IsMember({"text", "json"}));
  CLI11_PARSE(app, argc, argv);
  if (config.elsewhere > 0 && !StayOn(0, ProcessorsOfMachine() - config.elsewhere)) {
    std::cerr << "--elsewhere: processors cannot be chosen here" << std::endl;
    return 1;
  }
  const Report report = Weather(config).Run();
  (config.format == "json" ? PrintJson : PrintTable)(report, std::cout);
  return report.failures.empty() ? 0 : 1;
}

}  // namespace
}  // namespace kvsift::weather

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == kvsift::weather::kDisturb) {
    return kvsift::weather::RunDisturber(argc, argv);
  }
  return kvsift::weather::Main(argc, argv);
}
