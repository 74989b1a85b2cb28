// How much work may be under way at once.
#ifndef KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_
#define KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "server/engine/engine.h"

namespace kvsift {

// Thread-safe.
class QueueLimit {
 public:
  explicit QueueLimit(const EngineLimits& limits)
      : max_requests_(limits.max_queued_requests), max_bytes_(limits.max_queued_bytes) {}

  // Counts a request of so many bytes, its answer included; it must Leave with the same number.
  // One that comes alone may have any size.
  // Errors: UNAVAILABLE; nothing is counted then.
  absl::Status Enter(int64_t bytes);
  void Leave(int64_t bytes);

  QueueUse use() const { return {.requests = requests_, .bytes = bytes_}; }

 private:
  const int64_t max_requests_;
  const int64_t max_bytes_;
  std::atomic<int64_t> requests_ = 0;
  std::atomic<int64_t> bytes_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_
