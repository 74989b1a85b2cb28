#include "tests/bench/weather/disturber.h"

#include <sched.h>

#include <cstdlib>
#include <iostream>

#include "nlohmann/json.hpp"

namespace kvsift::weather {
namespace {

constexpr char kIdle[] = "idle";

}  // namespace

Disturber::Disturber(const std::string& name, const std::string& address, int64_t max_message_bytes,
                     std::chrono::milliseconds duration, bool is_idle)
    : program_("/proc/self/exe",
               {kDisturb, name, address, std::to_string(max_message_bytes),
                std::to_string(duration.count()), is_idle ? kIdle : ""},
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
  if (argc != 7) return 2;
  for (const Disturbance& disturbance : Disturbances()) {
    if (disturbance.name != std::string_view(argv[2])) continue;
    const sched_param none = {};
    if (std::string_view(argv[6]) == kIdle && sched_setscheduler(0, SCHED_IDLE, &none) != 0)
      return 1;
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
