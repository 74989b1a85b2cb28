// Where works of different calls meet before they go to the device.
//
// The scheduler holds the mutex of its shard. It admits works, gives them turns, advances the ones
// that are ready and submits what they ask for as one batch. Whoever admits works or completes a
// batch carries on what has become ready, on its own thread; nobody waits. TakeRound decides what
// goes into a batch: today everything that is ready, at once.
#ifndef KVSIFT_SERVER_ENGINE_SCHEDULER_H_
#define KVSIFT_SERVER_ENGINE_SCHEDULER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "server/engine/mutex.h"
#include "server/engine/page_pool.h"
#include "server/engine/store.h"
#include "server/engine/work.h"

namespace kvsift {

// Thread-safe.
class Scheduler {
 public:
  // `backend` outlives the scheduler. `on_failure` may be null; see ReportFailure.
  explicit Scheduler(Backend& backend, std::function<void(const absl::Status&)> on_failure = {});

  // Waits until every admitted work is finished.
  ~Scheduler();

  // Starts works on sequences of `store`, all at one point in the order of each sequence. Each
  // finishes once, possibly before this returns. Returns false, and starts none, if the store
  // was deleted.
  bool Admit(Store& store, std::span<Work* const> works);

  // Marks `store` deleted and starts the work that `make` makes for each id that has a sequence or
  // is waited for, after everything admitted so far.
  void Close(Store& store, const std::function<Work*(uint64_t id)>& make);

  // Calls on_failure if `status`, which came from the backend, says that the device has failed:
  // once, for the first one, before anybody hears of the work that met it.
  void ReportFailure(const absl::Status& status);

  // Runs `inspect` under the mutex that guards stores and pool.
  void Inspect(const std::function<void(PagePool& pool)>& inspect);

 private:
  class Round;

  void EnterTurns(Store& store, std::span<Work* const> works) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Submits what is ready, tells what is finished, and goes on with batches that completed inside
  // Submit. A loop and not a recursion, however many batches complete that way.
  // REQUIRES: the caller has counted itself in busy_.
  void Pump();

  // Advances ready works until none is, and returns what they ask for and which are done.
  std::shared_ptr<Round> TakeRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends the turns of `work` and makes ready who waited for them.
  void EndTurns(Work& work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A batch completed outside of Submit: carries on with its works.
  void Resume(const Round& round);
  void MakeReady(const Round& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Backend& backend_;
  const std::function<void(const absl::Status&)> on_failure_;
  std::atomic<bool> has_failed_ = false;
  Mutex mutex_;
  CondVar idle_;
  PagePool pool_ ABSL_GUARDED_BY(mutex_);
  std::vector<Work*> ready_ ABSL_GUARDED_BY(mutex_);
  std::vector<Turn*> begun_ ABSL_GUARDED_BY(mutex_);  // scratch of EndTurns
  int64_t busy_ ABSL_GUARDED_BY(mutex_) = 0;          // unfinished works and running pumps
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_SCHEDULER_H_
