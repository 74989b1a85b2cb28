// Why a run ends before its time.
#ifndef KVSIFT_CLIENT_LOAD_HALT_H_
#define KVSIFT_CLIENT_LOAD_HALT_H_

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::load {

// Thread-safe.
class Halt {
 public:
  // Ends the run; the first reason counts.
  void Because(absl::Status reason) {
    absl::MutexLock lock(&mutex_);
    if (reason_.ok()) reason_ = std::move(reason);
  }

  // OK while the run goes on.
  absl::Status reason() const {
    absl::MutexLock lock(&mutex_);
    return reason_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_HALT_H_
