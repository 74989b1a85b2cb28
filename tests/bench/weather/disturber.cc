#include "tests/bench/weather/disturber.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "nlohmann/json.hpp"

namespace kvsift::weather {
namespace {

constexpr char kIdle[] = "idle";

bool Settle(bool is_idle, int processors) {
  const sched_param none = {};
  if (is_idle && sched_setscheduler(0, SCHED_IDLE, &none) != 0) return false;
  const int all = ProcessorsOfMachine();
  return processors == 0 || StayOn(all - processors, all);
}

}  // namespace

int ProcessorsOfMachine() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

bool StayOn(int first, int end) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  for (int i = first; i < end; ++i) CPU_SET(i, &processors);
  return sched_setaffinity(0, sizeof(processors), &processors) == 0;
}

Disturber::Disturber(const std::string& name, const std::string& address, int64_t max_message_bytes,
                     std::chrono::milliseconds duration, bool is_idle, int processors)
    : program_("/proc/self/exe",
               {kDisturb, name, address, std::to_string(max_message_bytes),
                std::to_string(duration.count()), is_idle ? kIdle : "", std::to_string(processors)},
               "/dev/stderr") {
  program_.ReadLine();
}

std::map<std::string, int64_t> Disturber::Wait() {
  const auto counts = nlohmann::json::parse(program_.ReadLine(), nullptr, false);
  program_.Wait();
  if (counts.is_discarded()) return {{"broke down", 1}};
  return counts.get<std::map<std::string, int64_t>>();
}

int RunDisturber(int argc, char** argv) {
  if (argc != 8) return 2;
  for (const Disturbance& disturbance : Disturbances()) {
    if (disturbance.name != std::string_view(argv[2])) continue;
    if (!Settle(std::string_view(argv[6]) == kIdle, std::atoi(argv[7]))) return 1;
    Counts counts;
    std::cout << "begun" << std::endl;
    disturbance.run({.address = argv[3],
                     .max_message_bytes = std::atoll(argv[4]),
                     .until = Clock::now() + std::chrono::milliseconds(std::atoll(argv[5]))},
                    counts);
    std::cout << nlohmann::json(counts.all()).dump() << std::endl;
    return 0;
  }
  return 2;
}

}  // namespace kvsift::weather
