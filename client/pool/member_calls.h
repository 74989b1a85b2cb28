// Steps that a member has not answered.
#ifndef KVSIFT_CLIENT_POOL_MEMBER_CALLS_H_
#define KVSIFT_CLIENT_POOL_MEMBER_CALLS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kvsift/client.h"

namespace kvsift::client {

// Lets callers go when a member is lost, though its answers may still be awaited: a host that is
// gone without a word keeps connections open for long. Thread-safe; outlives the calls.
class MemberCalls {
 public:
  // Returns what the step's answer is to be given to. `done` hears of it once: with the answer, or
  // UNAVAILABLE when the member is lost before.
  SelectionCallback Add(SelectionCallback done) {
    absl::MutexLock lock(&mutex_);
    const uint64_t id = ++last_id_;
    ++unanswered_;
    waiting_.emplace(id, std::move(done));
    return [this, id](absl::StatusOr<SelectionResult> answer) { Answer(id, std::move(answer)); };
  }

  // Tells all that wait.
  void Abandon() {
    absl::flat_hash_map<uint64_t, SelectionCallback> abandoned;
    {
      absl::MutexLock lock(&mutex_);
      abandoned.swap(waiting_);
    }
    for (auto& [id, done] : abandoned) done(absl::UnavailableError("the member was lost"));
  }

  // Also those that nobody waits for any more.
  int64_t unanswered() const {
    absl::MutexLock lock(&mutex_);
    return unanswered_;
  }

 private:
  void Answer(uint64_t id, absl::StatusOr<SelectionResult> answer) {
    SelectionCallback done;
    {
      absl::MutexLock lock(&mutex_);
      --unanswered_;
      const auto found = waiting_.find(id);
      if (found == waiting_.end()) return;
      done = std::move(found->second);
      waiting_.erase(found);
    }
    done(std::move(answer));
  }

  mutable absl::Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, SelectionCallback> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_MEMBER_CALLS_H_
