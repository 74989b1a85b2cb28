// Lets a burst of events through, then a steady rate, and counts those that it holds back.
#ifndef KVSIFT_SERVER_RPC_RATE_LIMIT_H_
#define KVSIFT_SERVER_RPC_RATE_LIMIT_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift {

// Thread-safe.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // `burst` events at once, of which one more may come after each `interval`.
  RateLimit(int burst, std::chrono::nanoseconds interval) : burst_(burst), interval_(interval) {}

  // How many events were held back since the last one that was let through; nothing if this one,
  // at `now`, is held back as well.
  std::optional<int64_t> Admit(Clock::time_point now);

 private:
  const int burst_;
  const std::chrono::nanoseconds interval_;
  absl::Mutex mutex_;
  // When as many events have been let through as `burst_` and the rate allow for.
  Clock::time_point spent_until_ ABSL_GUARDED_BY(mutex_);
  int64_t held_back_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_RATE_LIMIT_H_
