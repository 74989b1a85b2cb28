#include "client/cpp/completion_loop.h"

#include <chrono>
#include <thread>

namespace kvsift::client {

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
  void* tag = nullptr;
  bool ok = false;
  while (Next(tag, ok)) static_cast<Event*>(tag)->Happened(ok);
}

bool CompletionLoop::Next(void*& tag, bool& ok) {
  const auto poll = [&] {
    return queue_.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC)) ==
           grpc::CompletionQueue::GOT_EVENT;
  };
  const auto sleep = [&] { return queue_.Next(&tag, &ok); };
  if (awaited_ == 0) return sleep();
  return busy_wait_.Await(std::chrono::nanoseconds(busy_poll_ns_), poll, sleep);
}

}  // namespace kvsift::client
