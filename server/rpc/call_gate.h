// Counts calls in flight and, once it is closed, lets no more in.
#ifndef KVSIFT_SERVER_RPC_CALL_GATE_H_
#define KVSIFT_SERVER_RPC_CALL_GATE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace kvsift {

// Thread-safe.
class CallGate {
 public:
  // True if the call may run; it must then Leave. False once the gate is closed.
  bool Enter();
  void Leave();

  void Close();

  // Waits until the last call has left, at most `timeout`; true if it has.
  bool WaitUntilEmpty(absl::Duration timeout);

 private:
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; }

  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_GATE_H_
