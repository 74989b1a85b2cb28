#include "server/engine/turn_queue.h"

namespace kvsift {

bool TurnQueue::Enter(Turn& turn) {
  turn.behind = nullptr;
  if (first_ == nullptr && Begin(turn)) return true;
  if (first_ == nullptr) {
    first_ = &turn;
  } else {
    last_->behind = &turn;
  }
  last_ = &turn;
  return false;
}

void TurnQueue::Leave(const Turn& turn, std::vector<Turn*>& begun) {
  if (turn.access == Access::kWrite) {
    writer_ = false;
  } else {
    --readers_;
  }
  while (first_ != nullptr && Begin(*first_)) {
    begun.push_back(first_);
    first_ = first_->behind;
  }
}

bool TurnQueue::Begin(const Turn& turn) {
  if (writer_) return false;
  if (turn.access == Access::kRead) {
    ++readers_;
    return true;
  }
  if (readers_ > 0) return false;
  writer_ = true;
  return true;
}

}  // namespace kvsift
