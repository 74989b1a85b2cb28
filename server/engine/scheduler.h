// Where works of different calls meet before they go to the device.
//
// The scheduler holds the mutex of its shard. It admits works, gives them turns, advances the ones
// that are ready and submits what they ask for as one batch. Whoever admits works or completes a
// batch carries on what has become ready, on its own thread; nobody waits.
//
// Policy. While the device has less than MostBatches, what is ready is submitted at once, so that
// nothing waits while it is idle. Else what becomes ready waits and is joined into the next batch,
// clients sharing the device's time (FairQueue), until the batch has work for kBatchTime, by the
// pace that the device has shown (LearnedPace). A work that would take longer than kPieceTime while
// others wait goes in pieces, so that one huge append holds a step back for the batches in flight
// and no longer. Works that are quick wait for neither: they have batches of their own, which a
// processor does beside the others and a GPU before them.
#ifndef KVSIFT_SERVER_ENGINE_SCHEDULER_H_
#define KVSIFT_SERVER_ENGINE_SCHEDULER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "server/engine/engine.h"
#include "server/engine/fair_queue.h"
#include "server/engine/learned_pace.h"
#include "server/engine/mutex.h"
#include "server/engine/observer.h"
#include "server/engine/page_pool.h"
#include "server/engine/store.h"
#include "server/engine/work.h"

namespace kvsift {

// Thread-safe.
class Scheduler {
 public:
  // One on the device and one behind it, so that the device goes from one to the next by itself;
  // for a GPU one more, which the host is about to hand over or has got back.
  static constexpr int kHostBatches = 2;
  static constexpr int kGpuBatches = 3;
  // Of quick works alone (Work::IsQuick).
  static constexpr int kQuickBatches = 2;
  static constexpr std::chrono::microseconds kBatchTime{500};
  static constexpr std::chrono::microseconds kPieceTime{100};

  struct Options {
    int shard = 0;                                             // index, for reports
    std::function<void(const absl::Status&)> on_failure = {};  // see ReportFailure
    std::function<Clock::time_point()> now = {};               // null: time stands still
    EngineObserver* observer = nullptr;                        // may be null
    Executor* executor = nullptr;                              // tells of much work; may be null
  };

  // `backend` outlives the scheduler.
  Scheduler(Backend& backend, Options options);

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

  // Whose thread it is, which decides what it may be kept with.
  enum class ThreadKind : uint8_t {
    kCaller,    // hears of calls
    kWatcher,   // watches a GPU
    kExecutor,  // has nothing else to do
  };

  // What may be submitted now.
  enum class Room : uint8_t { kNone, kQuick, kAll };

  void EnterTurns(Store& store, std::span<Work* const> works) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Submits what is ready, tells what is finished, and goes on with batches that completed inside
  // Submit. A loop and not a recursion, however many batches complete that way. Begins with
  // `round`, if there is one. What would keep `thread` too long is left to the executor.
  // REQUIRES: the caller has counted itself in busy_.
  void Pump(ThreadKind thread, Round* round = nullptr);

  // Advances ready works until the batch is full, and returns what they ask for and which are
  // done; null if there is nothing to do, or no room on the device.
  Round* TakeRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Advance(Work& work, Round& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Submits the batch of `round` and finishes what it has done. Returns true if the batch completed
  // inside of Submit.
  bool Carry(Round& round);
  // `round` was carried.
  void Settle(Round& round, bool has_completed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether carrying it would keep a thread too long.
  bool IsTooLongFor(ThreadKind thread, const Round& round) const;

  // Has the executor finish what `round` has done.
  void TellElsewhere(Round& round);

  // An unused round.
  Round& NewRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One user of `round` is done with it.
  void Leave(Round& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int MostBatches() const;
  Room FindRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWorkFor(Room room) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock::time_point Now() const { return options_.now ? options_.now() : Clock::time_point(); }

  // Ends the turns of `work` and makes ready who waited for them.
  void EndTurns(Work& work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A batch completed outside of Submit: carries on with its works (Pump).
  void Resume(Round& round, ThreadKind thread);
  // The device is done with `round`: its works are ready for what comes next.
  void TakeBack(Round& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Backend& backend_;
  const Options options_;
  const bool is_host_;
  std::atomic<bool> has_failed_ = false;
  Mutex mutex_;
  CondVar idle_;
  PagePool pool_ ABSL_GUARDED_BY(mutex_);
  FairQueue ready_ ABSL_GUARDED_BY(mutex_);
  LearnedPace pace_ ABSL_GUARDED_BY(mutex_);
  std::vector<Work*> ended_ ABSL_GUARDED_BY(mutex_);                    // have only to end
  int batches_ ABSL_GUARDED_BY(mutex_) = 0;                             // on the device
  int quick_batches_ ABSL_GUARDED_BY(mutex_) = 0;                       // beside those
  std::vector<std::unique_ptr<Round>> rounds_ ABSL_GUARDED_BY(mutex_);  // all there are
  std::vector<Round*> unused_ ABSL_GUARDED_BY(mutex_);
  std::vector<Turn*> begun_ ABSL_GUARDED_BY(mutex_);  // scratch of EndTurns
  int64_t busy_ ABSL_GUARDED_BY(mutex_) = 0;          // unfinished works and running pumps
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_SCHEDULER_H_
