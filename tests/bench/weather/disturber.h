// A disturbance in a process of its own.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_DISTURBER_H_
#define KVSIFT_TESTS_BENCH_WEATHER_DISTURBER_H_

#include <map>
#include <string>

#include "tests/bench/weather/disturbance.h"
#include "tests/end_to_end/program.h"

namespace kvsift::weather {

class Disturber {
 public:
  // Starts it and waits until it has begun; it ends by itself after `duration`.
  // `is_idle`: it gets processors only while nobody else wants them. `processors`: the last of the
  // machine, where it stays; 0: all.
  Disturber(const std::string& name, const std::string& address, int64_t max_message_bytes,
            std::chrono::milliseconds duration, bool is_idle, int processors);

  // Waits until it has ended. Returns what it counted.
  std::map<std::string, int64_t> Wait();

 private:
  Program program_;
};

// Leaves this process and its children only processors [first, end) of the machine. False if it
// cannot.
bool StayOn(int first, int end);
int ProcessorsOfMachine();

// What the process does: argv[1] is kDisturb. Returns the exit code.
inline constexpr char kDisturb[] = "disturb";
int RunDisturber(int argc, char** argv);

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_DISTURBER_H_
