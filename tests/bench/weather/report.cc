#include "tests/bench/weather/report.h"

#include <cstdio>

#include "nlohmann/json.hpp"

namespace kvsift::weather {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMiB = 1 << 20;

double MiB(int64_t bytes) { return static_cast<double>(bytes) / kMiB; }

Json ToJson(const Phase& phase) {
  return {{"name", phase.name},
          {"steps", phase.measured.steps},
          {"refused", phase.measured.refused},
          {"wrong", phase.measured.wrong},
          {"p50_us", phase.measured.p50_us},
          {"p99_us", phase.measured.p99_us},
          {"max_us", phase.measured.max_us},
          {"p99_ratio", phase.ratio},
          {"resident_bytes", phase.memory.resident_bytes},
          {"peak_bytes", phase.memory.peak_bytes},
          {"growth_bytes", phase.growth_bytes},
          {"load", phase.load},
          {"disturbers", phase.disturbers}};
}

void PrintPhase(const Phase& phase, std::ostream& out) {
  char line[160];
  const Measurement& measured = phase.measured;
  std::snprintf(line, sizeof(line), "%-8s %6lld %7lld %5lld %8.0f %8.0f %8.0f ", phase.name.c_str(),
                static_cast<long long>(measured.steps), static_cast<long long>(measured.refused),
                static_cast<long long>(measured.wrong), measured.p50_us, measured.p99_us,
                measured.max_us);
  out << line;
  std::snprintf(line, sizeof(line), phase.ratio > 0 ? "%6.2f" : "     -", phase.ratio);
  out << line;
  std::snprintf(line, sizeof(line), " %8.1f %8.1f %+8.1f %5.1f ", MiB(phase.memory.resident_bytes),
                MiB(phase.memory.peak_bytes), MiB(phase.growth_bytes), phase.load);
  out << line;
  for (const auto& [name, count] : phase.disturbers) out << " " << name << " " << count << ";";
  out << "\n";
}

}  // namespace

void PrintTable(const Report& report, std::ostream& out) {
  out << "Disturbers run under SCHED_IDLE (but for --equal-priority), so that they compete for the "
         "server and not for "
         "processors;\n"
         "spin calls nobody and shows what the machine alone does.\n"
         "Times in us, memory of the server in MiB.\n\n"
         "phase     steps refused wrong      p50      p99      max  ratio resident     peak   "
         "growth  load  disturbers\n";
  for (const Phase& phase : report.phases) PrintPhase(phase, out);
  out << "\nbound of the peaks " << MiB(report.bound_bytes)
      << "\nresident after the disturbers' store was deleted " << MiB(report.released_bytes)
      << "\ndrained in " << report.drain_seconds << " s beside clients that do not read, exit code "
      << report.exit_code << "\n";
  for (const std::string& failure : report.failures) out << "FAILED: " << failure << "\n";
}

void PrintJson(const Report& report, std::ostream& out) {
  Json phases = Json::array();
  for (const Phase& phase : report.phases) phases.push_back(ToJson(phase));
  out << Json{{"phases", phases},
              {"bound_bytes", report.bound_bytes},
              {"released_bytes", report.released_bytes},
              {"drain_seconds", report.drain_seconds},
              {"exit_code", report.exit_code},
              {"failures", report.failures}}
             .dump(1)
      << "\n";
}

}  // namespace kvsift::weather
