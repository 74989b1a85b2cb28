#include "server/rpc/call_gate.h"

namespace kvsift {

bool CallGate::Enter() {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  ++calls_;
  return true;
}

void CallGate::Leave() {
  absl::MutexLock lock(&mutex_);
  --calls_;
}

void CallGate::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

bool CallGate::WaitUntilEmpty(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(this, &CallGate::IsEmpty), timeout);
}

}  // namespace kvsift
