// Answers that are complete and wait until their clients read them, of all calls together.
//
// The engine's queue counts a request until its answer is complete. From then on the client decides
// how long it stays in memory, and one that does not read must neither take all memory nor, as if
// its answers still counted in the queue, have everybody else refused. So beyond a limit a call of
// the client that holds the most is ended: the one for which gRPC has taken no answer for longest.
#ifndef KVSIFT_SERVER_RPC_UNREAD_ANSWERS_H_
#define KVSIFT_SERVER_RPC_UNREAD_ANSWERS_H_

#include <grpc/grpc.h>

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace kvsift {

// Thread-safe.
class UnreadAnswers {
 public:
  // A call that may have answers here. It has none when it ends.
  class Holder {
   public:
    // `call`, of `client` (ClientOf), lives as long as the holder.
    Holder(grpc_call* call, uint64_t client) : call_(call), client_(client) {}

    uint64_t client() const { return client_; }

   private:
    friend class UnreadAnswers;
    grpc_call* const call_;
    const uint64_t client_;
    int64_t answers_ = 0;
    int64_t bytes_ = 0;
    bool is_ended_ = false;     // its answers do not count any more
    Holder* before_ = nullptr;  // in the order of waiting, while it has answers that count
    Holder* after_ = nullptr;
  };

  // One answer that is there alone may have any size.
  explicit UnreadAnswers(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // An answer of so many bytes waits. Ends calls with UNAVAILABLE if there are too many, possibly
  // this one. gRPC may run their reactions inside of this.
  void Add(Holder& holder, int64_t bytes);

  // gRPC has taken or dropped an answer.
  void Remove(Holder& holder, int64_t bytes);

  // Of all answers but those of calls that were ended.
  int64_t bytes() const {
    absl::MutexLock lock(&mutex_);
    return bytes_;
  }

 private:
  bool IsTooMuch() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The one to end. REQUIRES: there is one.
  Holder& Worst() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(const Holder& holder, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Link(Holder& holder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unlink(Holder& holder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_bytes_;
  mutable absl::Mutex mutex_;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, int64_t> clients_ ABSL_GUARDED_BY(mutex_);  // bytes of each
  Holder* first_ ABSL_GUARDED_BY(mutex_) = nullptr;                         // has waited longest
  Holder* last_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_UNREAD_ANSWERS_H_
