#include "tests/bench/weather/weather_server.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <vector>

namespace kvsift::weather {
namespace {

std::vector<std::string> Arguments(const ServerLimits& limits) {
  std::vector<std::string> arguments = {
      "--listen=127.0.0.1:0",
      "--backend=" + limits.backend,
      "--log-level=warning",
      "--memory=" + std::to_string(limits.memory_bytes),
      "--max-message-bytes=" + std::to_string(limits.max_message_bytes),
      "--max-queued-bytes=" + std::to_string(limits.max_queued_bytes),
      "--drain-timeout=" + std::to_string(limits.drain_seconds)};
  if (limits.threads > 0) arguments.push_back("--threads=" + std::to_string(limits.threads));
  if (!limits.metrics_listen.empty()) {
    arguments.push_back("--metrics-listen=" + limits.metrics_listen);
  }
  return arguments;
}

}  // namespace

WeatherServer::WeatherServer(const ServerLimits& limits)
    : program_(ServerProgram(), Arguments(limits), "/dev/stderr"),
      address_(ListenedAddress(program_.ReadLine())) {
  if (!address_.empty()) return;
  std::cerr << "the server did not start\n";
  std::exit(1);
}

Memory WeatherServer::ReadMemory() const {
  Memory memory;
  std::ifstream status("/proc/" + std::to_string(program_.id()) + "/status");
  for (std::string word; status >> word;) {
    int64_t* const value = word == "VmRSS:"   ? &memory.resident_bytes
                           : word == "VmHWM:" ? &memory.peak_bytes
                                              : nullptr;
    if (value == nullptr) continue;
    status >> *value;
    *value *= 1024;
  }
  return memory;
}

void WeatherServer::ForgetPeak() const {
  std::ofstream("/proc/" + std::to_string(program_.id()) + "/clear_refs") << "5\n";
}

int WeatherServer::Drain() {
  program_.Signal(SIGTERM);
  return program_.Wait();
}

}  // namespace kvsift::weather
