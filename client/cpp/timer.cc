#include "client/cpp/timer.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace kvsift::client {

Timer::Timer() : thread_([this] { Run(); }) {}

Timer::~Timer() {
  {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
    is_woken_ = true;
  }
  thread_.join();
}

int Timer::AddAlarm(std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  alarms_.push_back({.function = std::move(function)});
  return static_cast<int>(alarms_.size()) - 1;
}

void Timer::Set(int alarm, absl::Time time) {
  absl::MutexLock lock(&mutex_);
  alarms_[alarm].time = time;
  is_woken_ = true;
}

int Timer::AwaitAlarm() {
  while (!has_ended_) {
    const auto first = std::min_element(
        alarms_.begin(), alarms_.end(),
        [](const Alarm& left, const Alarm& right) { return left.time < right.time; });
    const absl::Time time = first == alarms_.end() ? absl::InfiniteFuture() : first->time;
    if (time <= absl::Now()) {
      first->time = absl::InfiniteFuture();
      return static_cast<int>(first - alarms_.begin());
    }
    is_woken_ = false;
    mutex_.AwaitWithDeadline(absl::Condition(&is_woken_), time);
  }
  return -1;
}

void Timer::Run() {
  while (true) {
    std::function<void()> function;
    {
      absl::MutexLock lock(&mutex_);
      const int alarm = AwaitAlarm();
      if (alarm < 0) return;
      function = alarms_[alarm].function;
    }
    function();
  }
}

}  // namespace kvsift::client
