#include "client/load/pacing.h"

#include <algorithm>
#include <utility>

namespace kvsift::load {
namespace {

// Longest timer, so that a stopped loop is idle soon although its next arrival is far away.
constexpr int64_t kLongestTimerNs = 50'000'000;

}  // namespace

void ClosedLoop::Begin(const std::vector<Worker*>& workers) {
  {
    absl::MutexLock lock(&mutex_);
    busy_ += std::ssize(workers);
  }
  const int64_t start = clock_.Now();
  for (int64_t i = 0; i < std::ssize(workers); ++i) {
    const int64_t delay = options_.ramp_ns * i / std::ssize(workers);
    if (delay > 0) {
      StartAt(*workers[i], start + delay);
    } else {
      StartNow(*workers[i]);
    }
  }
}

void ClosedLoop::Ready(Worker& worker) {
  if (options_.think_ns > 0) {
    StartAt(worker, clock_.Now() + options_.think_ns);
  } else {
    StartNow(worker);
  }
}

void ClosedLoop::StartAt(Worker& worker, int64_t time) {
  clock_.At(time, [this, &worker] { StartNow(worker); });
}

void ClosedLoop::StartNow(Worker& worker) {
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) {
      --busy_;
      return;
    }
  }
  worker.Start(*this, clock_.Now());
}

void ClosedLoop::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void ClosedLoop::WaitIdle() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ClosedLoop::Idle));
}

void OpenLoop::Begin(const std::vector<Worker*>& workers) {
  absl::MutexLock lock(&mutex_);
  free_.assign(workers.begin(), workers.end());
  start_ = clock_.Now();
  next_ = start_ + schedule_.Next();
  SetTimer();
}

void OpenLoop::SetTimer() {
  timer_set_ = !stopped_ && next_ < window_.end;
  const int64_t time = std::min(next_, clock_.Now() + kLongestTimerNs);
  if (timer_set_) clock_.At(time, [this] { OnTimer(); });
}

void OpenLoop::OnTimer() {
  std::vector<std::pair<Worker*, int64_t>> starts;
  {
    absl::MutexLock lock(&mutex_);
    const int64_t now = clock_.Now();
    for (; next_ <= now && next_ < window_.end; next_ = start_ + schedule_.Next()) {
      if (stopped_ || free_.empty()) {
        waiting_.push_back(next_);
      } else {
        starts.emplace_back(free_.front(), next_);
        free_.pop_front();
        ++busy_;
      }
    }
  }
  for (const auto& [worker, intended] : starts) worker->Start(*this, intended);
  // Last, because nothing keeps this alive once no timer is set and no worker busy.
  absl::MutexLock lock(&mutex_);
  SetTimer();
}

void OpenLoop::Ready(Worker& worker) {
  int64_t intended = 0;
  {
    absl::MutexLock lock(&mutex_);
    DropWarmUp();
    if (stopped_ || waiting_.empty()) {
      --busy_;
      free_.push_back(&worker);
      return;
    }
    intended = waiting_.front();
    waiting_.pop_front();
  }
  worker.Start(*this, intended);
}

void OpenLoop::DropWarmUp() {
  if (clock_.Now() < window_.begin) return;
  while (!waiting_.empty() && waiting_.front() < window_.begin) waiting_.pop_front();
}

void OpenLoop::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void OpenLoop::WaitIdle() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &OpenLoop::Idle));
}

bool OpenLoop::Drained() {
  absl::MutexLock lock(&mutex_);
  return Idle() && waiting_.empty();
}

std::vector<int64_t> OpenLoop::Unsent() {
  absl::MutexLock lock(&mutex_);
  return {waiting_.begin(), waiting_.end()};
}

}  // namespace kvsift::load
