// What a measurement counts.
#ifndef KVSIFT_CLIENT_LOAD_RECORDER_H_
#define KVSIFT_CLIENT_LOAD_RECORDER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/load/latency_histogram.h"
#include "client/load/plan.h"

namespace kvsift::load {

enum class Operation : uint8_t { kStep, kSelect, kAppend, kFork, kTruncate, kRelease };
inline constexpr int kOperations = 6;

// "step", "select", ...
std::string_view OperationName(Operation operation);

// The operation whose latency is the scenario's; churn's is that of all.
bool IsMain(Scenario scenario, Operation operation);

// Errors by code, such as "UNAVAILABLE".
using ErrorCounts = std::map<std::string, int64_t>;

// What a call carried.
struct Work {
  int64_t rows = 0;
  int64_t keys_scanned = 0;   // positions that query tokens see, times kv heads
  int64_t keys_appended = 0;  // positions times layers
  int64_t sent_bytes = 0;
  int64_t received_bytes = 0;

  Work& operator+=(const Work& other);
};

struct Tally {
  LatencyHistogram latency;
  ErrorCounts errors;
};

// A piece of the measurement's time.
struct Interval {
  LatencyHistogram latency;  // of the scenario's main operation
  int64_t errors = 0;
};

// Thread-safe.
class Recorder {
 public:
  // Calls count that were to be sent in [begin, end).
  Recorder(Scenario scenario, int64_t begin, int64_t end)
      : scenario_(scenario), begin_(begin), end_(end) {}

  // A call that was to be sent at `intended` was answered at `finished`.
  void Done(Operation operation, int64_t intended, int64_t finished, const Work& work);

  // A call failed at `when`; if it is sent again, it is only done once.
  void Failed(Operation operation, absl::StatusCode code, int64_t when);

  // A call that was to be sent at `intended` was still waiting for its turn at `when`: a latency
  // of at least that, and an error of the code "NOT_SENT".
  void NotSent(Operation operation, int64_t intended, int64_t when);

  // What happened since the last call of this.
  Interval TakeInterval();

  // All of the below. REQUIRES: nothing is recorded any more.
  struct Result {
    LatencyHistogram latency;  // of the main operation
    ErrorCounts errors;
    std::array<Tally, kOperations> operations;
    Work work;
    int64_t requests = 0;     // answered calls of the main operation
    int64_t last_finish = 0;  // when the last of them was answered
  };
  Result Take();

 private:
  bool Counts(int64_t time) const { return time >= begin_ && time < end_; }

  const Scenario scenario_;
  const int64_t begin_;
  const int64_t end_;
  absl::Mutex mutex_;
  Result result_ ABSL_GUARDED_BY(mutex_);
  Interval interval_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_RECORDER_H_
