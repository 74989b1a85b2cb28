// Who may use a sequence now: first come, first served, with readers together.
//
// A selection reads a sequence, every mutation writes it; a fork reads its parent and writes its
// child. A writer has the sequence to itself until its work on the device is complete. That is
// what lets a backend trust that batches in flight never conflict, and the engine free a page at
// once when a writer drops it. Readers share a sequence, but one that comes after a waiting
// writer waits behind it, so that nobody waits for ever.
//
// No deadlocks: one that needs several turns enters all its queues at once, under the mutex of the
// shard, so waiting follows one total order.
#ifndef KVSIFT_SERVER_ENGINE_TURN_QUEUE_H_
#define KVSIFT_SERVER_ENGINE_TURN_QUEUE_H_

#include <cstdint>
#include <vector>

namespace kvsift {

enum class Access : uint8_t { kRead, kWrite };

// A place in a queue. Its owner keeps it where it is from Enter to the end of Leave.
struct Turn {
  Access access = Access::kRead;
  Turn* behind = nullptr;  // the next one that waits; the queue's own
};

// Thread-compatible: guarded by the mutex of its shard.
class TurnQueue {
 public:
  // Joins the queue. Returns true if the turn begins at once.
  bool Enter(Turn& turn);

  // Ends a turn that has begun and appends those that begin now to `begun`.
  void Leave(const Turn& turn, std::vector<Turn*>& begun);

  // True if nobody uses the sequence or waits for it.
  bool idle() const { return readers_ == 0 && !writer_ && first_ == nullptr; }

 private:
  // Begins the turn if those that have begun allow it.
  bool Begin(const Turn& turn);

  int64_t readers_ = 0;
  bool writer_ = false;
  Turn* first_ = nullptr;  // waiting ones, in order
  Turn* last_ = nullptr;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_TURN_QUEUE_H_
