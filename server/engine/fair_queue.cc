#include "server/engine/fair_queue.h"

#include <algorithm>

namespace kvsift {

void FairQueue::Push(Work& work) {
  const bool is_quick = work.IsQuick();
  const int kind = is_quick ? 2 : work.only_appends() ? 1 : 0;
  Lane& lane = lanes_[kLanesOfClient * (work.client() % kClients) + kind];
  lane.heap = is_quick ? &quick_ : &others_;
  work.next_ready_ = nullptr;
  ++size_;
  if (lane.first != nullptr) {
    lane.last = lane.last->next_ready_ = &work;
    return;
  }
  lane.first = lane.last = &work;
  if (&lane != served_) Wait(lane);
}

FairQueue::Heap& FairQueue::NextHeap() {
  if (quick_.size == 0) return others_;
  if (others_.size == 0) return quick_;
  return IsLater(quick_.lanes[0], others_.lanes[0]) ? others_ : quick_;
}

Work& FairQueue::PopFrom(Heap& heap) {
  now_us_ = NextHeap().lanes[0]->served_us;
  std::pop_heap(heap.lanes.begin(), heap.lanes.begin() + heap.size, IsLater);
  Lane& lane = *heap.lanes[--heap.size];
  served_ = &lane;
  Work& work = *lane.first;
  lane.first = work.next_ready_;
  --size_;
  return work;
}

void FairQueue::Charge(double us) {
  Lane& lane = *served_;
  served_ = nullptr;
  lane.served_us += us;
  if (lane.first != nullptr) Wait(lane);
}

void FairQueue::Wait(Lane& lane) {
  Heap& heap = *lane.heap;
  lane.served_us = std::max(lane.served_us, now_us_);
  lane.waits = ++last_waits_;
  heap.lanes[heap.size++] = &lane;
  std::push_heap(heap.lanes.begin(), heap.lanes.begin() + heap.size, IsLater);
}

}  // namespace kvsift
