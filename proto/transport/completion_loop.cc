#include "proto/transport/completion_loop.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "proto/transport/processors.h"

namespace kvsift {
namespace {

using Clock = std::chrono::steady_clock;

// Where so many events in a row had happened before they were asked for, there are more than the
// thread keeps up with. The first may be the end of a write, which the reaction before it has
// started.
constexpr int kBacklog = 2;

// How long a helper polls before it sleeps again.
constexpr std::chrono::microseconds kHelpTime{100};

// How often the deputy wakes up, and after how many times without an event of anybody it rests.
constexpr std::chrono::microseconds kDeputyPeriod{150};
constexpr int kDeputyTimes = 40;

// With fewer processors, helpers would take the time of those for whom they work.
constexpr int kProcessorsForHelpers = 4;
constexpr int kProcessorsPerThread = 3;
constexpr int kMostThreads = 16;

}  // namespace

CompletionLoop& CompletionLoop::OfProcess() {
  static CompletionLoop& loop =
      *new CompletionLoop(std::make_unique<grpc::CompletionQueue>(),
                          {.helpers = HelpersFor(ProcessorsOfProcess()), .period = {}});
  return loop;
}

int CompletionLoop::HelpersFor(int processors) {
  if (processors < kProcessorsForHelpers) return 0;
  return std::clamp(processors / kProcessorsPerThread, 2, kMostThreads) - 1;
}

CompletionLoop::CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue,
                               const CompletionLoopOptions& options)
    : options_(options), queue_(std::move(queue)), thread_([this] { Run(); }) {
  if (options.helpers == 0) return;
  pthread_getcpuclockid(thread_.native_handle(), &first_clock_);
  deputy_ = std::thread([this] { Deputise(); });
}

CompletionLoop::~CompletionLoop() {
  queue_->Shutdown();
  thread_.join();
  std::vector<std::thread> helpers;
  {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
    helpers.swap(helpers_);
  }
  help_called_.SignalAll();
  activity_begun_.SignalAll();
  for (std::thread& helper : helpers) helper.join();
  if (deputy_.joinable()) deputy_.join();
}

CompletionLoop::Awaiting CompletionLoop::Await(absl::Duration busy_poll) {
  // Of the machine: the peer may have another one, if this process has but one.
  static const bool can_poll = std::thread::hardware_concurrency() > 1;
  if (!can_poll || busy_poll <= absl::ZeroDuration()) return nullptr;
  busy_poll_ns_ = absl::ToInt64Nanoseconds(busy_poll);
  ++awaited_;
  return Awaiting(this);
}

void CompletionLoop::CallHelp() {
  if (options_.helpers > 0 && looking_ == 0) WakeHelper();
}

void CompletionLoop::WakeHelper() {
  {
    absl::MutexLock lock(&mutex_);
    if (has_ended_) return;
    if (idle_ <= called_ && std::ssize(helpers_) == options_.helpers) return;  // all are busy
    ++looking_;
    ++called_;
    if (idle_ < called_) {
      helpers_.emplace_back([this] { Help(); });
      return;
    }
  }
  help_called_.Signal();
}

void CompletionLoop::Run() {
  int backlog = 0;
  for (Happening next;;) {
    ++looking_;
    const auto seen = ComeRound(next);
    const bool came = seen == grpc::CompletionQueue::TIMEOUT
                          ? Wait(next)
                          : seen == grpc::CompletionQueue::GOT_EVENT;
    --looking_;
    if (!came) return;
    React(next, seen == grpc::CompletionQueue::GOT_EVENT, backlog);
  }
}

void CompletionLoop::Help() {
  while (AwaitCall()) {
    int backlog = kBacklog - 1;  // one more, and even two threads do not keep up
    bool was_there = false;
    for (Happening next; AwaitHelping(next, was_there);) {
      React(next, was_there, backlog);
      ++looking_;
    }
  }
}

void CompletionLoop::Deputise() {
  while (AwaitActivity()) {
    uint64_t events = events_;
    for (int times = 0; times < kDeputyTimes; ++times) {
      const uint64_t rounds = rounds_;
      std::this_thread::sleep_for(kDeputyPeriod);
      const bool is_busy = IsFirstBusy(kDeputyPeriod);
      if (rounds_ == rounds) {
        if (is_busy) {
          WakeHelper();
        } else {
          ReactToAll();
        }
      }
      if (events_ != events) times = 0;
      events = events_;
    }
    is_active_ = false;
  }
}

void CompletionLoop::ReactToAll() {
  int backlog = 0;
  for (Happening next; Look(next) == grpc::CompletionQueue::GOT_EVENT;) React(next, true, backlog);
}

bool CompletionLoop::IsFirstBusy(std::chrono::nanoseconds period) {
  timespec now = {};
  if (clock_gettime(first_clock_, &now) != 0) return false;  // it has ended
  const auto time = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return time - std::exchange(first_time_, time) > period / 2;
}

bool CompletionLoop::AwaitActivity() {
  absl::MutexLock lock(&mutex_);
  while (!is_active_ && !has_ended_) activity_begun_.Wait(&mutex_);
  return !has_ended_;
}

bool CompletionLoop::AwaitHelping(Happening& next, bool& was_there) {
  const Clock::time_point end = Clock::now() + kHelpTime;
  auto seen = ComeRound(next);
  was_there = seen == grpc::CompletionQueue::GOT_EVENT;
  while (seen == grpc::CompletionQueue::TIMEOUT && Clock::now() < end) seen = ComeRound(next);
  // Where all others still react it has to wait in their place.
  int looking = looking_;
  while (seen == grpc::CompletionQueue::TIMEOUT) {
    if (looking == 1) {
      seen = Sleep(next) ? grpc::CompletionQueue::GOT_EVENT : grpc::CompletionQueue::SHUTDOWN;
    } else if (looking_.compare_exchange_weak(looking, looking - 1)) {
      return false;
    }
  }
  --looking_;
  return seen == grpc::CompletionQueue::GOT_EVENT;
}

bool CompletionLoop::AwaitCall() {
  absl::MutexLock lock(&mutex_);
  ++idle_;
  while (called_ == 0 && !has_ended_) help_called_.Wait(&mutex_);
  --idle_;
  if (has_ended_) return false;
  --called_;
  return true;
}

void CompletionLoop::React(const Happening& next, bool was_there, int& backlog) {
  backlog = was_there ? backlog + 1 : 0;
  if (backlog >= kBacklog) CallHelp();
  if (options_.helpers > 0) {
    ++events_;
    if (!is_active_ && !is_active_.exchange(true)) {
      absl::MutexLock lock(&mutex_);
      activity_begun_.Signal();
    }
  }
  next.event->Happened(next.ok);
}

grpc::CompletionQueue::NextStatus CompletionLoop::Look(Happening& next) {
  void* tag = nullptr;
  const auto seen = queue_->AsyncNext(&tag, &next.ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
  next.event = static_cast<Event*>(tag);
  return seen;
}

grpc::CompletionQueue::NextStatus CompletionLoop::ComeRound(Happening& next) {
  ++rounds_;
  return Look(next);
}

bool CompletionLoop::Wait(Happening& next) {
  if (options_.period.count() > 0) {
    for (;;) {
      std::this_thread::sleep_for(options_.period);
      const auto seen = Look(next);
      if (seen != grpc::CompletionQueue::TIMEOUT) return seen == grpc::CompletionQueue::GOT_EVENT;
    }
  }
  return busy_wait_.Await(
      std::chrono::nanoseconds(awaited_ > 0 ? busy_poll_ns_.load() : 0),
      [&] { return ComeRound(next) == grpc::CompletionQueue::GOT_EVENT; },
      [&] { return Sleep(next); });
}

bool CompletionLoop::Sleep(Happening& next) {
  void* tag = nullptr;
  const bool came = queue_->Next(&tag, &next.ok);
  next.event = static_cast<Event*>(tag);
  return came;
}

}  // namespace kvsift
