// Counts calls, so that their connections outlive them.
#ifndef KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_
#define KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::client {

// Thread-safe. Outlives the calls that it counts.
//
// A client must not end on a thread that hears of completions: it waits for the end of its streams,
// of which it would hear there.
class CallsInFlight {
 public:
  // One call, for as long as it lives.
  struct Leave {
    void operator()(CallsInFlight* calls) const {
      absl::MutexLock lock(&calls->mutex_);
      --calls->calls_;
    }
  };
  using Call = std::unique_ptr<CallsInFlight, Leave>;

  Call Enter() {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    return Call(this);
  }

  // Returns when no call is left.
  void Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &CallsInFlight::IsEmpty));
  }

 private:
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; }

  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_
