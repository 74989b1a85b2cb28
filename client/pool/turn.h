// A call's wait for its sequence, on the thread that made the call.
#ifndef KVSIFT_CLIENT_POOL_TURN_H_
#define KVSIFT_CLIENT_POOL_TURN_H_

#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/pool/placements.h"

namespace kvsift::client {

class Turn {
 public:
  Turn(Placements& placements, absl::Time deadline, bool restarts)
      : placements_(placements), deadline_(deadline), restarts_(restarts) {}

  // Enters, or begins to wait. Once.
  void Begin(const Visit& visit) {
    MemberPtr member = placements_.Enter(visit);
    if (member == nullptr) return placements_.Wait(visit, MakeWaiter());
    Admit(std::move(member));
  }

  // As Begin, for a call that is made again. False: its error counts.
  bool BeginAgain(Visit& visit, Verdict verdict) {
    return placements_.Again(visit, verdict, MakeWaiter());
  }

  // Blocks. The member to call, or why there is none.
  const absl::StatusOr<MemberPtr>& Await() {
    admitted_.WaitForNotification();
    return member_;
  }

 private:
  void Admit(absl::StatusOr<MemberPtr> member) {
    member_ = std::move(member);
    admitted_.Notify();
  }

  Waiter MakeWaiter() {
    return {deadline_, restarts_,
            [this](absl::StatusOr<MemberPtr> member) { Admit(std::move(member)); }};
  }

  Placements& placements_;
  const absl::Time deadline_;
  const bool restarts_;
  absl::StatusOr<MemberPtr> member_;
  absl::Notification admitted_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_TURN_H_
