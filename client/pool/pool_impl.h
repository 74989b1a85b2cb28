// The state behind a Pool.
#ifndef KVSIFT_CLIENT_POOL_POOL_IMPL_H_
#define KVSIFT_CLIENT_POOL_POOL_IMPL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cpp/calls_in_flight.h"
#include "client/pool/append_run.h"
#include "client/pool/membership.h"
#include "client/pool/placements.h"
#include "client/pool/step_run.h"
#include "client/pool/turn.h"
#include "kvsift/pool.h"

namespace kvsift::client {

class Pool::Impl {
 public:
  Impl(const std::string& target, PoolOptions options);
  ~Impl();

  // The store of a call. Errors: NOT_FOUND.
  absl::StatusOr<StorePtr> FindStore(const std::string& name) const;

  // Starts a step whose vectors are in `part`, or the caller's, who waits then.
  // Takes `done` only if this returns OK.
  absl::Status StartStep(const Store& store, StepPart part, absl::Time deadline,
                         SelectionCallback& done);

  // Calls `call` (Client&) -> StatusOr<Sequence> at the member of a sequence, again where it has to
  // be. `settle` (const Visit&, const Sequence&) records what it did before the visit leaves.
  template <typename Call, typename Settle>
  absl::StatusOr<Sequence> AtPlace(const StorePtr& store, uint64_t id, absl::Time deadline,
                                   const Call& call, const Settle& settle);

  // A member that serves, for what needs no sequence. Errors: UNAVAILABLE.
  absl::StatusOr<MemberPtr> AnyMember() const;

  // Pool::Append and StreamAppend.
  absl::StatusOr<AppendResult> Append(const Store& store, AppendMethod method,
                                      const AppendRequest& request, absl::Time deadline);

  // Again while the member serves but does not answer.
  absl::Status ReleaseAt(const PoolMember& member, const std::string& store, uint64_t id,
                         std::optional<uint64_t> expected_epoch, absl::Time deadline);

  const PoolOptions options;
  CallsInFlight calls;
  Placements placements;
  std::unique_ptr<Membership> membership;
};

template <typename Call, typename Settle>
absl::StatusOr<Sequence> Pool::Impl::AtPlace(const StorePtr& store, uint64_t id,
                                             absl::Time deadline, const Call& call,
                                             const Settle& settle) {
  Visit visit = placements.Take(store, id, id, false);
  auto turn = std::make_unique<Turn>(placements, deadline, false);
  turn->Begin(visit);
  while (true) {
    const absl::StatusOr<MemberPtr>& member = turn->Await();
    if (!member.ok()) return member.status();
    absl::StatusOr<Sequence> sequence = call(*(*member)->client);
    // These calls fail with NOT_FOUND where anything was lost.
    const Verdict verdict = VerdictOf(sequence.status(), INT64_MAX, placements.Longest(visit));
    const bool brings = verdict == Verdict::kLost && store->keys.read;
    if (verdict == Verdict::kSuspect || brings) {
      turn = std::make_unique<Turn>(placements, deadline, false);
      if (turn->BeginAgain(visit, verdict)) continue;
      return sequence;
    }
    if (sequence.ok()) settle(visit, *sequence);
    placements.Leave(visit);
    return sequence;
  }
}

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_POOL_IMPL_H_
