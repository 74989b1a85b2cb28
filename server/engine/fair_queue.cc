#include "server/engine/fair_queue.h"

#include <algorithm>

namespace kvsift {

void FairQueue::Push(Work& work) {
  Lane& lane = lanes_[2 * (work.client() % kClients) + (work.only_appends() ? 1 : 0)];
  work.next_ready_ = nullptr;
  ++size_;
  if (lane.first != nullptr) {
    lane.last = lane.last->next_ready_ = &work;
    return;
  }
  lane.first = lane.last = &work;
  if (&lane != served_) Wait(lane);
}

Work& FairQueue::Pop() {
  std::pop_heap(waiting_.begin(), waiting_.begin() + waiting_count_, IsLater);
  Lane& lane = *waiting_[--waiting_count_];
  now_us_ = lane.served_us;
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
  lane.served_us = std::max(lane.served_us, now_us_);
  lane.waits = ++last_waits_;
  waiting_[waiting_count_++] = &lane;
  std::push_heap(waiting_.begin(), waiting_.begin() + waiting_count_, IsLater);
}

}  // namespace kvsift
