#include "client/completions/completion_loop.h"

#include <algorithm>
#include <utility>

namespace kvsift {
namespace {

// So many events that had happened before they were asked for follow each other where there are
// more than one thread keeps up with. The first is the end of a write, which the reaction before it
// has started.
constexpr int kBacklog = 2;

// With fewer processors, helpers would take the time of those for whom they work.
constexpr unsigned kProcessorsForHelpers = 4;
constexpr unsigned kMostThreads = 16;

thread_local const CompletionLoop* waited_loop = nullptr;  // by this thread

}  // namespace

CompletionLoop& CompletionLoop::OfProcess() {
  static CompletionLoop& loop = *new CompletionLoop(
      std::make_unique<grpc::CompletionQueue>(), {.helpers = HelpersOfMachine(), .period = {}});
  return loop;
}

int CompletionLoop::HelpersOfMachine() {
  const unsigned processors = std::thread::hardware_concurrency();
  if (processors < kProcessorsForHelpers) return 0;
  return static_cast<int>(std::min(processors / 2, kMostThreads)) - 1;
}

CompletionLoop::CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue,
                               const CompletionLoopOptions& options)
    : options_(options), queue_(std::move(queue)), thread_([this] { Run(); }) {}

CompletionLoop::~CompletionLoop() {
  queue_->Shutdown();
  thread_.join();
  std::vector<std::thread> helpers;
  {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
    helpers.swap(helpers_);
  }
  deferred_added_.SignalAll();
  for (std::thread& helper : helpers) helper.join();
}

CompletionLoop::Wait CompletionLoop::Await(absl::Duration busy_poll) {
  static const bool can_poll = std::thread::hardware_concurrency() > 1;
  if (!can_poll || busy_poll <= absl::ZeroDuration()) return nullptr;
  busy_poll_ns_ = absl::ToInt64Nanoseconds(busy_poll);
  ++awaited_;
  return Wait(this);
}

bool CompletionLoop::Defer(Event& event, bool ok) {
  if (options_.helpers == 0 || waited_loop != this) return false;
  {
    absl::MutexLock lock(&mutex_);
    deferred_.push_back({&event, ok});
    ++deferred_count_;
    if (std::ssize(deferred_) <= looking_) return true;
    if (idle_ == 0) {
      if (std::ssize(helpers_) < options_.helpers) helpers_.emplace_back([this] { Help(); });
      return true;
    }
  }
  deferred_added_.Signal();
  return true;
}

void CompletionLoop::Run() {
  waited_loop = this;
  int backlog = 0;
  Deferred next;
  for (bool was_there = false; Next(next, was_there);) {
    backlog = was_there ? backlog + 1 : 0;
    if (backlog >= kBacklog && Defer(*next.event, next.ok)) continue;
    next.event->Happened(next.ok);
  }
}

void CompletionLoop::Help() {
  BusyWait wait;
  for (Deferred taken; AwaitDeferred(wait, taken);) taken.event->Happened(taken.ok);
}

bool CompletionLoop::Next(Deferred& next, bool& was_there) {
  void* tag = nullptr;
  const auto look = [&] {
    return queue_->AsyncNext(&tag, &next.ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
  };
  auto seen = look();
  was_there = seen == grpc::CompletionQueue::GOT_EVENT;
  if (options_.period.count() > 0) {
    for (; seen == grpc::CompletionQueue::TIMEOUT; seen = look()) {
      std::this_thread::sleep_for(options_.period);
    }
  } else if (seen == grpc::CompletionQueue::TIMEOUT) {
    const bool came = busy_wait_.Await(
        busy_poll(), [&] { return look() == grpc::CompletionQueue::GOT_EVENT; },
        [&] { return queue_->Next(&tag, &next.ok); });
    if (!came) return false;
  }
  next.event = static_cast<Event*>(tag);
  return seen != grpc::CompletionQueue::SHUTDOWN;
}

bool CompletionLoop::AwaitDeferred(BusyWait& wait, Deferred& taken) {
  ++looking_;
  const auto poll = [&] {
    if (deferred_count_ == 0) return false;
    absl::MutexLock lock(&mutex_);
    return TakeDeferred(taken);
  };
  const auto sleep = [&] {
    absl::MutexLock lock(&mutex_);
    --looking_;
    ++idle_;
    while (deferred_.empty() && !has_ended_) deferred_added_.Wait(&mutex_);
    --idle_;
    ++looking_;
    return TakeDeferred(taken);
  };
  const bool came = wait.Await(busy_poll(), poll, sleep);
  --looking_;
  return came;
}

bool CompletionLoop::TakeDeferred(Deferred& taken) {
  if (deferred_.empty()) return false;
  taken = deferred_.front();
  deferred_.pop_front();
  --deferred_count_;
  return true;
}

std::chrono::nanoseconds CompletionLoop::busy_poll() const {
  return std::chrono::nanoseconds(awaited_ > 0 ? busy_poll_ns_.load() : 0);
}

}  // namespace kvsift
