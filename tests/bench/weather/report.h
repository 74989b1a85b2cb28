// What a run of the weather has shown, as a table or as JSON.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_REPORT_H_
#define KVSIFT_TESTS_BENCH_WEATHER_REPORT_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/bench/weather/measured_worker.h"
#include "tests/bench/weather/weather_server.h"

namespace kvsift::weather {

struct Phase {
  std::string name;  // "calm", "all", or a disturbance's
  Measurement measured;
  double ratio = 0;          // of p99 to that of the calm phase before it; 0 in a calm phase
  Memory memory;             // at its end
  int64_t growth_bytes = 0;  // resident, since the end of the phase before it
  double load = 0;           // of the machine at its start: mean of the last minute
  std::map<std::string, int64_t> disturbers;
};

struct Report {
  std::vector<Phase> phases;
  int64_t bound_bytes = 0;     // that the peaks must stay below
  int64_t released_bytes = 0;  // resident, after the disturbers' store was deleted
  double drain_seconds = 0;    // with clients that do not read still there
  int exit_code = -1;
  std::vector<std::string> failures;  // empty if all was well
};

void PrintTable(const Report& report, std::ostream& out);
void PrintJson(const Report& report, std::ostream& out);

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_REPORT_H_
