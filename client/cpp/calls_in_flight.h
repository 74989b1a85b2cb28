// Counts asynchronous calls, so that their connection outlives them.
#ifndef KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_
#define KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::client {

// Thread-safe. Its destructor waits until no call is left.
//
// A channel must not end on a thread of gRPC: if it is the last of the process, gRPC 1.51 joins
// those threads, itself included, and goes on with a completion queue that is gone.
class CallsInFlight {
 public:
  ~CallsInFlight() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &CallsInFlight::IsEmpty));
  }

  // Counts a call for as long as what is returned lives.
  std::shared_ptr<void> Enter() {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    return {this, [](CallsInFlight* calls) { calls->Leave(); }};
  }

 private:
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --calls_;
  }

  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; }

  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CALLS_IN_FLIGHT_H_
