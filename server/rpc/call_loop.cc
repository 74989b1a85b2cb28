#include "server/rpc/call_loop.h"

#include <utility>

namespace kvsift {
namespace {

// What takes longer to parse and prepare than to wake a thread.
constexpr int64_t kLargeBytes = 32 << 10;

// A client is alone if no other was heard of for so long.
constexpr std::chrono::milliseconds kAlone{10};

// The loop that this thread polls for; null while it only reacts.
thread_local const CallLoop* polled_loop = nullptr;

}  // namespace

CallLoop::CallLoop(std::unique_ptr<grpc::ServerCompletionQueue> queue,
                   const CallLoopOptions& options)
    : queue_(std::move(queue)), options_(options) {
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { Run(); });
}

CallLoop::~CallLoop() {
  queue_->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void CallLoop::LetOthersPoll(uint64_t client, int64_t bytes) {
  if (polled_loop != this) return;
  const Clock::time_point now = Clock::now();
  if (client != last_client_) {
    last_client_ = client;
    alone_since_ = now;
  }
  if (bytes < kLargeBytes && now - alone_since_ > kAlone) return;
  {
    MutexLock lock(mutex_);
    if (idle_ == 0) return;
    has_poller_ = false;
    polled_loop = nullptr;
  }
  polling_left_.SignalOne();
}

void CallLoop::Run() {
  while (TakePolling()) {
    while (polled_loop == this) {
      void* tag = nullptr;
      bool ok = false;
      if (!Next(tag, ok)) return End();
      static_cast<Event*>(tag)->Happened(ok);
    }
  }
}

bool CallLoop::TakePolling() {
  MutexLock lock(mutex_);
  ++idle_;
  while (has_poller_ && !has_ended_) polling_left_.Wait(mutex_);
  --idle_;
  has_poller_ = true;
  polled_loop = this;
  return !has_ended_;
}

void CallLoop::End() {
  {
    MutexLock lock(mutex_);
    has_ended_ = true;
  }
  polling_left_.SignalAll();
}

bool CallLoop::Next(void*& tag, bool& ok) {
  const auto look = [&] {
    return queue_->AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
  };
  if (options_.period.count() == 0) {
    return busy_wait_.Await(
        options_.busy_poll, [&] { return look() == grpc::CompletionQueue::GOT_EVENT; },
        [&] { return queue_->Next(&tag, &ok); });
  }
  for (;;) {
    const auto seen = look();
    if (seen != grpc::CompletionQueue::TIMEOUT) return seen == grpc::CompletionQueue::GOT_EVENT;
    std::this_thread::sleep_for(options_.period);
  }
}

}  // namespace kvsift
