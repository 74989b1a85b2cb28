// Works that are ready, in fair order: clients take turns, one work a turn, and the works of one
// client come in the order in which they became ready. A client that floods the queue waits for
// itself.
#ifndef KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_
#define KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_

#include <array>
#include <cstdint>

#include "server/engine/work.h"

namespace kvsift {

// Clients are told apart by the remainder of their number, so that a queue has a fixed size: two
// that collide share one's turns. Allocates nothing. Thread-compatible.
class FairQueue {
 public:
  static constexpr uint64_t kLanes = 1024;

  void Push(Work& work);

  // The next work, which leaves the queue. REQUIRES: !empty().
  Work& Pop();

  bool empty() const { return last_ == nullptr; }

 private:
  struct Lane {
    Work* first = nullptr;
    Work* last = nullptr;
    Lane* next = nullptr;  // in the ring of those that have works
  };

  std::array<Lane, kLanes> lanes_;
  Lane* last_ = nullptr;  // of the ring: the lane after it is the next one to take from
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_
