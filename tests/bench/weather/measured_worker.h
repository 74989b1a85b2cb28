// The worker whose latency is measured: it does nothing wrong.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_MEASURED_WORKER_H_
#define KVSIFT_TESTS_BENCH_WEATHER_MEASURED_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/weather/disturbance.h"
#include "tests/bench/weather/scene.h"

namespace kvsift::weather {

// What it met in one phase.
struct Measurement {
  int64_t steps = 0;    // answered with OK
  int64_t refused = 0;  // answered with UNAVAILABLE: the queue was full
  int64_t wrong = 0;    // another answer than the first time, or another error
  double p50_us = 0;    // of all of them
  double p99_us = 0;
  double max_us = 0;
};

// One decode step after the other over one held stream, a millisecond of thinking between them.
class MeasuredWorker {
 public:
  // Sends each query once and keeps its answer to compare with. Ends the program if it cannot.
  explicit MeasuredWorker(const std::string& address);
  ~MeasuredWorker();

  Measurement Run(std::chrono::milliseconds duration);

 private:
  // False if the stream has ended.
  bool Step(size_t query, v1::StreamStepsResponse& answer);

  std::unique_ptr<Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamStepsRequest, v1::StreamStepsResponse>>
      stream_;
  std::vector<v1::StreamStepsRequest> requests_;
  std::vector<std::string> expected_;  // the step of each answer, serialised
};

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_MEASURED_WORKER_H_
