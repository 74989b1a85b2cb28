// The held streams of a server, so that a drain can end them.
#ifndef KVSIFT_SERVER_RPC_STEP_STREAMS_H_
#define KVSIFT_SERVER_RPC_STEP_STREAMS_H_

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace kvsift {

// A stream that can be asked to end: it answers what it has read and reads no more.
class HeldStream {
 public:
  virtual ~HeldStream() = default;
  virtual void Drain() = 0;
};

// Thread-safe.
class StepStreams {
 public:
  // False once Drain was called: the stream must end at once, and is not in the set.
  bool Add(HeldStream& stream);

  // Must be called before a stream that was added is destroyed.
  void Remove(HeldStream& stream);

  // Asks all streams to end and lets no others in.
  void Drain();

  // Waits until the last stream was removed.
  void WaitUntilEmpty();

 private:
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return streams_.empty(); }

  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<HeldStream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_STREAMS_H_
