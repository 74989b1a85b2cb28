#include "server/rpc/rate_limit.h"

#include <algorithm>
#include <utility>

namespace kvsift {

std::optional<int64_t> RateLimit::Admit(Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  const Clock::time_point spent_until = std::max(spent_until_, now) + interval_;
  if (spent_until > now + burst_ * interval_) {
    ++held_back_;
    return std::nullopt;
  }
  spent_until_ = spent_until;
  return std::exchange(held_back_, 0);
}

}  // namespace kvsift
