// When a call arrived, when its answer was ready, and how it ended: told to the observer.
#ifndef KVSIFT_SERVER_RPC_CALL_RECORD_H_
#define KVSIFT_SERVER_RPC_CALL_RECORD_H_

#include <chrono>

#include "absl/status/status.h"
#include "server/rpc/call_observer.h"

namespace kvsift {

// Thread-compatible: the stages of a call follow each other.
class CallRecord {
 public:
  using Clock = std::chrono::steady_clock;

  // `observer` may be null.
  CallRecord(Method method, CallObserver* observer) : method_(method), observer_(observer) {}

  // The call has arrived.
  void Begin() { arrived_ = Clock::now(); }
  Clock::time_point arrived() const { return arrived_; }

  // The answer is ready.
  void Answer(absl::StatusCode code) {
    code_ = code;
    if (observer_ != nullptr) answered_ = Clock::now();
  }

  // gRPC has taken the answer, or the client is gone.
  void End() {
    if (observer_ == nullptr) return;
    const Clock::time_point now = Clock::now();
    observer_->OnCall(method_, code_, now - arrived_, now - answered_);
  }

 private:
  const Method method_;
  CallObserver* const observer_;
  Clock::time_point arrived_;
  Clock::time_point answered_;
  absl::StatusCode code_ = absl::StatusCode::kUnknown;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_RECORD_H_
