// Calls, their entries and their streams, counted.
#ifndef KVSIFT_SERVER_RPC_METRICS_CALL_METRICS_H_
#define KVSIFT_SERVER_RPC_METRICS_CALL_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <cstddef>

#include "absl/status/status.h"
#include "server/rpc/call_observer.h"

namespace kvsift {

// Thread-safe.
class CallMetrics {
 public:
  // `registry` outlives this.
  explicit CallMetrics(prometheus::Registry& registry);

  void Count(Method method, absl::StatusCode code, std::chrono::nanoseconds total);
  void CountEntryError(absl::StatusCode code);
  void ChangeStreams(int change) { open_streams_.Increment(change); }

 private:
  static constexpr size_t kCodes = static_cast<size_t>(absl::StatusCode::kUnauthenticated) + 1;

  void AddRequests(prometheus::Registry& registry);
  void AddDurations(prometheus::Registry& registry);
  void AddEntryErrors(prometheus::Registry& registry);

  // Codes that gRPC does not have count as UNKNOWN.
  static size_t CodeIndex(absl::StatusCode code);

  std::array<std::array<prometheus::Counter*, kCodes>, kMethods> requests_ = {};
  std::array<prometheus::Histogram*, kMethods> durations_ = {};  // null for methods without
  std::array<prometheus::Counter*, kCodes> entry_errors_ = {};   // null for OK
  prometheus::Gauge& open_streams_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_CALL_METRICS_H_
