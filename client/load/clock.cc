#include "client/load/clock.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"

namespace kvsift::load {

int64_t MonotonicNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

SteadyClock::SteadyClock() : thread_([this] { Run(); }) {}

SteadyClock::~SteadyClock() {
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void SteadyClock::At(int64_t time, std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back({time, next_number_++, std::move(task)});
  std::push_heap(tasks_.begin(), tasks_.end(), IsLater);
  if (tasks_.front().number == next_number_ - 1) changed_.Signal();
}

void SteadyClock::Run() {
  // The system may otherwise wake a thread 50 us late, which is half a round trip.
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  absl::MutexLock lock(&mutex_);
  while (!ends_) {
    if (tasks_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    const int64_t left = tasks_.front().time - Now();
    if (left > 0) {
      changed_.WaitWithTimeout(&mutex_, absl::Nanoseconds(left));
      continue;
    }
    std::pop_heap(tasks_.begin(), tasks_.end(), IsLater);
    const std::function<void()> task = std::move(tasks_.back().run);
    tasks_.pop_back();
    mutex_.Unlock();
    task();
    mutex_.Lock();
  }
}

}  // namespace kvsift::load
