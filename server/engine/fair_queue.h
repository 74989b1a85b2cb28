// Works that are ready, in fair order: clients get equal shares of the device's time, and the works
// of one client come in the order in which they became ready. A client that floods the queue waits
// for itself, and one that asks for little is served at once.
#ifndef KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_
#define KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_

#include <array>
#include <cstdint>

#include "server/engine/work.h"

namespace kvsift {

// Start-time fair queueing. Each lane has a time up to which it was served; the lane that is
// furthest behind comes next. A lane that was empty is not further behind than the others: what it
// did not use is gone.
//
// A client has three lanes. Works that only append have one: keys that are brought back do not wait
// for each selection of their own client, nor the other way round. Quick works (Work::IsQuick) have
// one, and can be taken before all others. Clients are told apart by the remainder of their number,
// so that a queue has a fixed size: two that collide share one's time. Allocates nothing.
// Thread-compatible.
class FairQueue {
 public:
  static constexpr uint64_t kClients = 1024;  // that are told apart

  void Push(Work& work);

  // The next work, which leaves the queue. REQUIRES: !empty(), and the one that was popped last was
  // charged.
  Work& Pop() { return PopFrom(NextHeap()); }

  // The next of the quick works. REQUIRES: has_quick(), else as Pop.
  Work& PopQuick() { return PopFrom(quick_); }

  // What the work that was popped last takes of the device. Works may be pushed in between.
  void Charge(double us);

  bool empty() const { return size_ == 0; }
  bool has_quick() const { return quick_.size > 0; }

 private:
  struct Heap;
  struct Lane {
    Heap* heap = nullptr;  // that it waits in
    Work* first = nullptr;
    Work* last = nullptr;
    double served_us = 0;  // of the queue's time
    uint64_t waits = 0;    // since when, among lanes that were served as much
  };

  static constexpr uint64_t kLanesOfClient = 3;
  static constexpr uint64_t kLanes = kLanesOfClient * kClients;

  // Lanes that have works and are not being served.
  struct Heap {
    std::array<Lane*, kLanes> lanes;
    int64_t size = 0;
  };

  static bool IsLater(const Lane* a, const Lane* b) {
    return a->served_us != b->served_us ? a->served_us > b->served_us : a->waits > b->waits;
  }

  Heap& NextHeap();  // with the lane that is furthest behind
  Work& PopFrom(Heap& heap);
  void Wait(Lane& lane);

  std::array<Lane, kLanes> lanes_;
  Heap quick_;
  Heap others_;
  int64_t size_ = 0;        // works
  Lane* served_ = nullptr;  // from Pop to Charge
  double now_us_ = 0;       // served_us of the lane that was furthest behind at the last Pop
  uint64_t last_waits_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_FAIR_QUEUE_H_
