#include <optional>
#include <utility>

#include "client/cpp/connection.h"
#include "client/pool/pool_impl.h"

namespace kvsift::client {
namespace {

bool IsSuspect(const absl::Status& status) { return VerdictOf(status, 0, 0) == Verdict::kSuspect; }

}  // namespace

absl::StatusOr<Sequence> Pool::GetSequence(const std::string& store, uint64_t id,
                                           absl::Time deadline) {
  const CallsInFlight::Call call = impl_->calls.Enter();
  const absl::StatusOr<StorePtr> found = impl_->FindStore(store);
  if (!found.ok()) return found.status();
  absl::StatusOr<Sequence> sequence = impl_->AtPlace(
      *found, id, deadline, [&](Client& client) { return client.GetSequence(store, id, deadline); },
      [](const Visit&, const Sequence&) {});
  if (absl::IsNotFound(sequence.status())) impl_->placements.Forget(*found, id);
  return sequence;
}

absl::StatusOr<Sequence> Pool::Truncate(const std::string& store, uint64_t id, int64_t length,
                                        std::optional<uint64_t> expected_epoch,
                                        absl::Time deadline) {
  const CallsInFlight::Call call = impl_->calls.Enter();
  const absl::StatusOr<StorePtr> found = impl_->FindStore(store);
  if (!found.ok()) return found.status();
  return impl_->AtPlace(
      *found, id, deadline,
      [&](Client& client) { return client.Truncate(store, id, length, expected_epoch, deadline); },
      [&](const Visit& visit, const Sequence& sequence) {
        impl_->placements.Truncated(visit, length, sequence.epoch);
      });
}

absl::StatusOr<Sequence> Pool::Fork(const std::string& store, uint64_t parent, uint64_t child,
                                    int64_t length, std::optional<uint64_t> expected_epoch,
                                    absl::Time deadline) {
  const CallsInFlight::Call call = impl_->calls.Enter();
  const absl::StatusOr<StorePtr> found = impl_->FindStore(store);
  if (!found.ok()) return found.status();
  return impl_->AtPlace(
      *found, parent, deadline,
      [&](Client& client) {
        return client.Fork(store, parent, child, length, expected_epoch, deadline);
      },
      [&](const Visit& visit, const Sequence& forked) {
        impl_->placements.Forked(visit, child, length, forked.epoch);
      });
}

absl::Status Pool::Release(const std::string& store, uint64_t id,
                           std::optional<uint64_t> expected_epoch, absl::Time deadline) {
  const CallsInFlight::Call call = impl_->calls.Enter();
  const absl::StatusOr<StorePtr> found = impl_->FindStore(store);
  if (!found.ok()) return found.status();
  const std::optional<MemberPtr> known = impl_->placements.MemberOf(*found, id);
  // One that was never seen may be anywhere.
  std::vector<MemberPtr> members = impl_->membership->view()->serving();
  if (known.has_value()) members = {*known};
  absl::Status status = absl::NotFoundError("no member holds the sequence");
  for (const MemberPtr& member : members) {
    if (member == nullptr) continue;
    const absl::Status here = impl_->ReleaseAt(*member, store, id, expected_epoch, deadline);
    if (!absl::IsNotFound(here)) status = here;
  }
  // What was lost with its member need not be released.
  const bool is_gone = IsSuspect(status) || absl::IsNotFound(status);
  if (known.has_value() && (is_gone || status.ok())) {
    impl_->placements.Forget(*found, id);
    return absl::OkStatus();
  }
  return status;
}

absl::Status Pool::Impl::ReleaseAt(const PoolMember& member, const std::string& store, uint64_t id,
                                   std::optional<uint64_t> expected_epoch, absl::Time deadline) {
  Backoff backoff(options.client);
  absl::Status status;
  for (int attempt = 1; attempt <= options.client.attempts; ++attempt) {
    status = member.client->Release(store, id, expected_epoch, deadline);
    if (!IsSuspect(status)) return status;
    membership->Check(deadline);
    const ViewPtr view = membership->view();
    bool serves = false;
    for (const MemberPtr& it : view->serving()) serves |= it.get() == &member;
    if (!serves) return status;
    backoff.Wait(deadline);
  }
  return status;
}

}  // namespace kvsift::client
