#include <algorithm>
#include <set>
#include <utility>

#include "absl/synchronization/notification.h"
#include "client/cpp/selection_callback.h"
#include "client/pool/append_run.h"
#include "client/pool/pool_impl.h"

namespace kvsift::client {
namespace {

// A request with vectors that the caller keeps.
StepPart BorrowedFrom(const StepRequest& request) {
  StepPart part;
  part.request = request;
  return part;
}

}  // namespace

absl::Status Pool::Impl::StartStep(const Store& store, StepPart part, absl::Time deadline,
                                   SelectionCallback& done) {
  const absl::StatusOr<StorePtr> found = FindStore(store.config.name);
  if (!found.ok()) return found.status();
  const StepRequest& request = part.request;
  const bool is_plain = !request.entries.empty() && IsSliceable(store.config, request) &&
                        store.LayerIndex(request.layer_id).has_value() &&
                        (*found)->store.fingerprint == store.fingerprint;
  if (is_plain) {
    std::make_shared<StepRun>(placements, *found, std::move(part), deadline, calls.Enter(),
                              std::move(done))
        ->Start();
    return absl::OkStatus();
  }
  // It changes nothing anywhere: any member's client says what is wrong with it.
  const absl::StatusOr<MemberPtr> member = AnyMember();
  if (!member.ok()) return member.status();
  (*member)->client->StepAsync(
      store, request, deadline,
      (*member)->calls.Add([call = std::make_shared<CallsInFlight::Call>(calls.Enter()),
                            done = std::move(done)](absl::StatusOr<SelectionResult> answer) {
        done(std::move(answer));
      }));
  return absl::OkStatus();
}

absl::StatusOr<SelectionResult> Pool::Step(const Store& store, const StepRequest& request,
                                           absl::Time deadline) {
  absl::StatusOr<SelectionResult> answer;
  absl::Notification answered;
  SelectionCallback done = [&](absl::StatusOr<SelectionResult> result) {
    answer = std::move(result);
    answered.Notify();
  };
  const absl::Status status = impl_->StartStep(store, BorrowedFrom(request), deadline, done);
  if (!status.ok()) return status;
  answered.WaitForNotification();
  return answer;
}

absl::StatusOr<SelectionResult> Pool::Select(const Store& store, const SelectRequest& request,
                                             absl::Time deadline) {
  return Step(store, ToStep(request), deadline);
}

void Pool::StepAsync(const Store& store, const StepRequest& request, absl::Time deadline,
                     SelectionCallback done) {
  absl::Status status = impl_->StartStep(store, CopyOf(request), deadline, done);
  if (!status.ok()) Refuse(std::move(done), std::move(status));
}

void Pool::SelectAsync(const Store& store, const SelectRequest& request, absl::Time deadline,
                       SelectionCallback done) {
  StepAsync(store, ToStep(request), deadline, std::move(done));
}

namespace {

bool IsPlain(const Store& store, const AppendRequest& request) {
  std::set<uint64_t> ids;
  for (const AppendEntry& entry : request.entries) {
    if (!ids.insert(entry.sequence_id).second || entry.start < 0) return false;
  }
  for (const int32_t layer : request.layer_ids) {
    if (!store.LayerIndex(layer).has_value()) return false;
  }
  return !request.entries.empty() && !request.layer_ids.empty() &&
         IsSliceable(store.config, request);
}

}  // namespace

absl::StatusOr<AppendResult> Pool::Impl::Append(const Store& store, AppendMethod method,
                                                const AppendRequest& request, absl::Time deadline) {
  const CallsInFlight::Call call = calls.Enter();
  const absl::StatusOr<StorePtr> found = FindStore(store.config.name);
  if (!found.ok()) return found.status();
  if (IsPlain(store, request) && (*found)->store.fingerprint == store.fingerprint) {
    return RunPoolAppend(placements, *found, method, request, deadline);
  }
  const absl::StatusOr<MemberPtr> member = AnyMember();
  if (!member.ok()) return member.status();
  return ((*member)->client.get()->*method)(store, request, deadline);
}

absl::StatusOr<AppendResult> Pool::Append(const Store& store, const AppendRequest& request,
                                          absl::Time deadline) {
  return impl_->Append(store, &Client::Append, request, deadline);
}

absl::StatusOr<AppendResult> Pool::StreamAppend(const Store& store, const AppendRequest& request,
                                                absl::Time deadline) {
  return impl_->Append(store, &Client::StreamAppend, request, deadline);
}

}  // namespace kvsift::client
