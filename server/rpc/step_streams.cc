#include "server/rpc/step_streams.h"

namespace kvsift {

bool StepStreams::Add(HeldStream& stream) {
  absl::MutexLock lock(&mutex_);
  if (draining_) return false;
  streams_.insert(&stream);
  return true;
}

void StepStreams::Remove(HeldStream& stream) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(&stream);
}

void StepStreams::Drain() {
  // Under the mutex, so that no stream of the set goes away meanwhile.
  absl::MutexLock lock(&mutex_);
  draining_ = true;
  for (HeldStream* stream : streams_) stream->Drain();
}

void StepStreams::WaitUntilEmpty() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &StepStreams::IsEmpty));
}

}  // namespace kvsift
