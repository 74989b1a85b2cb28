// How much work may be under way at once, of all clients and of each.
//
// What is free belongs to everybody: a client that has work under way is refused more once it holds
// kShare times what is left. So one that floods the queue stops at four fifths of it, several
// share it evenly, and there is always room for a client that comes later.
#ifndef KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_
#define KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "server/engine/engine.h"
#include "server/engine/fair_queue.h"

namespace kvsift {

// Clients are told apart as FairQueue tells them. Thread-safe.
class QueueLimit {
 public:
  static constexpr int64_t kShare = 4;

  explicit QueueLimit(const EngineLimits& limits)
      : max_requests_(limits.max_queued_requests), max_bytes_(limits.max_queued_bytes) {}

  // Counts a request of so many bytes, its answer included; it must Leave with the same numbers.
  // One that comes alone may have any size.
  // Errors: UNAVAILABLE; nothing is counted then.
  absl::Status Enter(uint64_t client, int64_t bytes);
  void Leave(uint64_t client, int64_t bytes);

  QueueUse use() const { return {.requests = all_.requests, .bytes = all_.bytes}; }

 private:
  struct Count {
    std::atomic<int64_t> requests = 0;
    std::atomic<int64_t> bytes = 0;

    // Returns what was there before.
    QueueUse Add(int64_t more_bytes);
    void Remove(int64_t fewer_bytes);
  };

  Count& LaneOf(uint64_t client) { return lanes_[client % FairQueue::kClients]; }

  const int64_t max_requests_;
  const int64_t max_bytes_;
  Count all_;
  std::array<Count, FairQueue::kClients> lanes_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_QUEUE_LIMIT_H_
