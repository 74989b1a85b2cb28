// Where the sequences of a pool are, and in which order calls reach them.
//
// A call visits a sequence: it enters at once if the sequence is in its place, or waits until a
// thread has brought it there; it leaves when it was answered. Calls enter in the order of their
// tickets, also those that come back because their member was lost.
#ifndef KVSIFT_CLIENT_POOL_PLACEMENTS_H_
#define KVSIFT_CLIENT_POOL_PLACEMENTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/blocking_threads.h"
#include "client/cpp/timer.h"
#include "client/pool/placed_sequence.h"

namespace kvsift::client {

// What became of a call at a member.
enum class Verdict : uint8_t {
  kSettled,  // whatever it says is for the caller
  kSuspect,  // the member may be gone
  kLost,     // the member lost the sequence, or a part of it
};

// Of an entry that failed, or was answered while the member holds `length` positions, where
// `acknowledged` have been acknowledged before.
Verdict VerdictOf(const absl::Status& status, int64_t length, int64_t acknowledged);

// What a member acknowledged: positions [0, length) of some layers, by index.
struct Receipt {
  std::span<const int> layers = {};
  int64_t length = 0;
  uint64_t epoch = 0;
  bool is_exact = false;  // it may hold fewer than before
};

// What Placements asks of its surroundings. Both may block.
struct PlacementServices {
  std::function<void(absl::Time deadline)> check;  // the health of all members, now
  std::function<absl::Status()> trouble;           // why nobody serves
};

// What a member still holds of a sequence that has moved.
struct Copy {
  SequencePtr sequence;
  MemberPtr member;
  uint64_t epoch = 0;  // so that nothing newer is released in its place
};

// Thread-safe.
class Placements {
 public:
  Placements(const PoolOptions& options, PlacementServices services);

  // Ends the threads that move sequences, and forgets all stores. REQUIRES: all calls have ended,
  // and none will come.
  void End();

  void SetView(ViewPtr view);
  ViewPtr view() const;

  // Stores by name.
  StorePtr AddStore(const Store& store, KeyProvider keys);
  StorePtr FindStore(const std::string& name) const;
  void ForgetStore(const std::string& name);
  std::vector<StoreConfig> StoreConfigs() const;

  // A turn at a sequence, the latest so far. One that was never seen is placed by `root`; if it is
  // not `created` by this call, members are asked for it first.
  Visit Take(const StorePtr& store, uint64_t id, uint64_t root, bool created);

  // Drops the record of a sequence; its visits are the last ones.
  void Forget(const StorePtr& store, uint64_t id);

  // Returns the member if the visit enters now; otherwise nullptr.
  MemberPtr Enter(const Visit& visit);

  // Lets the visit enter when the sequence is in its place.
  void Wait(const Visit& visit, Waiter waiter);

  // The call has ended for good.
  void Leave(const Visit& visit, const Receipt& receipt = {});

  // The call is to be made again: it leaves and waits, if it has not been made too often and its
  // deadline has not passed. False: it has left, and its error counts.
  bool Again(Visit& visit, Verdict verdict, Waiter waiter);

  // A member acknowledged a truncation, or a fork, which is placed where its parent is.
  void Truncated(const Visit& visit, int64_t length, uint64_t epoch);
  void Forked(const Visit& parent, uint64_t child, int64_t length, uint64_t epoch);

  // Positions that were acknowledged of each of some layers, by their indices.
  int64_t Acknowledged(const PlacedSequence& sequence, std::span<const int> layers) const;
  int64_t Longest(const Visit& visit) const;  // of all layers

  // Where a sequence is; nothing if it was never seen.
  std::optional<MemberPtr> MemberOf(const StorePtr& store, uint64_t id) const;
  absl::StatusOr<std::string> PlaceOf(const StorePtr& store, uint64_t id) const;
  PoolCounts counts() const;

  // For work beside calls.
  BlockingThreads& threads() { return *threads_; }

 private:
  // Takes the sequences of a store, which takes no others.
  static absl::flat_hash_map<uint64_t, SequencePtr> Forget(PoolStore& store);

  bool IsReady(PlacedSequence& sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  MemberPtr Target(const PlacedSequence& sequence) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Enqueue(const Visit& visit, Waiter waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveIfIdle(const SequencePtr& sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Expire();

  // On threads of this, one at a time for a sequence.
  void Move(const SequencePtr& sequence);
  absl::Status Settle(const SequencePtr& sequence, absl::Time deadline);
  void LookUp(const SequencePtr& sequence, const ViewPtr& view, absl::Time deadline);
  absl::Status Bring(const SequencePtr& sequence, const MemberPtr& target, uint64_t generation,
                     absl::Time deadline);
  void ReleaseCopy(const Copy& copy);
  void AdmitAll(const SequencePtr& sequence, const absl::Status& status);

  const PoolOptions& options_;
  const PlacementServices services_;

  mutable absl::Mutex mutex_;
  ViewPtr view_ ABSL_GUARDED_BY(mutex_) = std::make_shared<MembersView>();
  absl::flat_hash_map<std::string, StorePtr> stores_ ABSL_GUARDED_BY(mutex_);
  PoolCounts counts_ ABSL_GUARDED_BY(mutex_);
  // Waiters by deadline and their places.
  absl::btree_map<std::tuple<absl::Time, PlacedSequence*, uint64_t>, SequencePtr> expiries_
      ABSL_GUARDED_BY(mutex_);
  Timer timer_;
  const int alarm_;
  // What members hold of sequences that have moved, while they are out of reach.
  std::vector<Copy> stale_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<BlockingThreads> threads_;
  BlockingThreads tidy_{1};  // for work that nobody waits for; ends first
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_PLACEMENTS_H_
