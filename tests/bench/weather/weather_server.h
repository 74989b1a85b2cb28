// kvsift-server as a child, and what the system says of it.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_WEATHER_SERVER_H_
#define KVSIFT_TESTS_BENCH_WEATHER_WEATHER_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/end_to_end/program.h"

namespace kvsift::weather {

// Small, so that the bound below means something.
struct ServerLimits {
  int64_t memory_bytes = int64_t{128} << 20;
  int64_t max_message_bytes = int64_t{16} << 20;
  int64_t max_queued_bytes = int64_t{64} << 20;
  int drain_seconds = 3;
  std::string backend = "cpu";
  int threads = 0;                  // that score; 0: as many as the server takes by itself
  std::string metrics_listen = {};  // as the server takes it; empty: none
};

struct Memory {
  int64_t resident_bytes = 0;
  int64_t peak_bytes = 0;  // since ForgetPeak
};

class WeatherServer {
 public:
  explicit WeatherServer(const ServerLimits& limits);

  const std::string& address() const { return address_; }

  Memory ReadMemory() const;
  void ForgetPeak() const;

  // Asks it to drain. Returns its exit code.
  int Drain();

 private:
  Program program_;
  std::string address_;
};

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_WEATHER_SERVER_H_
