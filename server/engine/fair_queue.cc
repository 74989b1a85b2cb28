#include "server/engine/fair_queue.h"

namespace kvsift {

void FairQueue::Push(Work& work) {
  Lane& lane = lanes_[work.client() % kLanes];
  work.next_ready_ = nullptr;
  if (lane.first != nullptr) {
    lane.last = lane.last->next_ready_ = &work;
    return;
  }
  lane.first = lane.last = &work;
  lane.next = last_ == nullptr ? &lane : last_->next;
  if (last_ != nullptr) last_->next = &lane;
  last_ = &lane;
}

Work& FairQueue::Pop() {
  Lane& lane = *last_->next;
  Work& work = *lane.first;
  lane.first = work.next_ready_;
  if (lane.first != nullptr) {
    last_ = &lane;  // to the end of the ring
  } else if (last_ == &lane) {
    last_ = nullptr;  // it was the only one
  } else {
    last_->next = lane.next;
  }
  return work;
}

}  // namespace kvsift
