#include "client/cpp/completion_loop.h"

#include <chrono>
#include <thread>

namespace kvsift::client {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

CompletionLoop& CompletionLoop::OfProcess() {
  static CompletionLoop& loop = *new CompletionLoop();
  return loop;
}

CompletionLoop::CompletionLoop() : can_poll_(std::thread::hardware_concurrency() > 1) {
  std::thread([this] { Run(); }).detach();
}

CompletionLoop::Wait CompletionLoop::Await(absl::Duration busy_poll) {
  if (!can_poll_ || busy_poll <= absl::ZeroDuration()) return nullptr;
  busy_poll_ns_ = absl::ToInt64Nanoseconds(busy_poll);
  ++awaited_;
  return Wait(this);
}

void CompletionLoop::Run() {
  bool ok = false;
  while (Event* const event = Next(ok)) event->Happened(ok);
}

CompletionLoop::Event* CompletionLoop::Next(bool& ok) {
  const gpr_timespec at_once = gpr_time_0(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  const bool awaits = awaited_ > 0;
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + std::chrono::nanoseconds(busy_poll_ns_);
  while (awaited_ > 0 && comes_soon_ && Clock::now() < end) {
    if (queue_.AsyncNext(&tag, &ok, at_once) == grpc::CompletionQueue::GOT_EVENT) {
      return static_cast<Event*>(tag);
    }
  }
  if (!queue_.Next(&tag, &ok)) return nullptr;
  if (awaits) comes_soon_ = Clock::now() < end;
  return static_cast<Event*>(tag);
}

}  // namespace kvsift::client
