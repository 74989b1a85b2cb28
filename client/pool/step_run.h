// One step or selection of a pool, from its call until its answer.
#ifndef KVSIFT_CLIENT_POOL_STEP_RUN_H_
#define KVSIFT_CLIENT_POOL_STEP_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/calls_in_flight.h"
#include "client/pool/answer_merge.h"
#include "client/pool/placements.h"
#include "client/pool/request_parts.h"

namespace kvsift::client {

// Sends each entry to its member, again where it has to be, and merges the answers. Entries that
// are in their place go together; those that move go one by one, each as soon as it can.
class StepRun : public std::enable_shared_from_this<StepRun> {
 public:
  // `placements` outlives the run, whose `call` goes last. `part` holds what is sent; its vectors
  // may be the caller's, if that waits.
  StepRun(Placements& placements, StorePtr store, StepPart part, absl::Time deadline,
          CallsInFlight::Call call, SelectionCallback done);

  // REQUIRES: IsSliceable(request), the store has the layer.
  void Start();

 private:
  using Entries = std::vector<int32_t>;

  Waiter WaiterOf(int32_t entry);
  void Send(const MemberPtr& member, Entries entries);
  void Answered(Entries entries, absl::StatusOr<SelectionResult> answer);
  void Refused(const Entries& entries, const absl::Status& status);

  // What became of an entry. `error` is its error, or OK with the length that the member holds; it
  // becomes one if the answer misses keys that only the caller can bring back.
  Verdict Judge(int32_t entry, EntryError& error) const;
  Receipt ReceiptOf(int32_t entry, const absl::Status& status, uint64_t epoch) const;
  void Fail(int32_t entry, const absl::Status& status, bool is_whole);

  // `settled` entries need nothing more; ends the run with the last of them.
  void Settle(int64_t settled, std::optional<PartAnswer> part);
  absl::StatusOr<SelectionResult> Result() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  CallsInFlight::Call call_;
  Placements& placements_;
  const StorePtr store_;
  const StepPart part_;
  const int layer_;  // index into the store's layers
  const absl::Time deadline_;
  SelectionCallback done_;
  std::vector<Visit> visits_;  // [entries]; each touched by whoever has the entry

  absl::Mutex mutex_;
  int64_t open_ ABSL_GUARDED_BY(mutex_);  // entries that are not settled
  std::vector<PartAnswer> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<EntryError> failed_ ABSL_GUARDED_BY(mutex_);
  int64_t whole_failures_ ABSL_GUARDED_BY(mutex_) = 0;  // of failed_, those of whole messages
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_STEP_RUN_H_
