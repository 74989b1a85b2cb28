#include "kvsift/pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/pool/endpoints.h"
#include "client/pool/pool_impl.h"

namespace kvsift::client {
namespace {

// Time in which a member that joins creates one store.
constexpr absl::Duration kPrepareTimeout = absl::Seconds(5);

PoolOptions Checked(PoolOptions options) {
  options.client.attempts = std::max(options.client.attempts, 1);
  if (!options.client.wait) {
    options.client.wait = [](absl::Duration duration) { absl::SleepFor(duration); };
  }
  return options;
}

// A member that is not reached gets the store when it joins.
bool IsOutOfReach(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status);
}

}  // namespace

Pool::Impl::Impl(const std::string& target, PoolOptions given)
    : options(Checked(std::move(given))),
      placements(options, {[this](absl::Time deadline) { membership->Check(deadline); },
                           [this] { return membership->Trouble(); }}) {
  membership = std::make_unique<Membership>(
      target, options,
      MembershipListener{.prepare = [this](Client& client) -> absl::Status {
                           for (const StoreConfig& config : placements.StoreConfigs()) {
                             const auto store =
                                 client.CreateStore(config, absl::Now() + kPrepareTimeout);
                             if (!store.ok()) return store.status();
                           }
                           return absl::OkStatus();
                         },
                         .changed = [this](ViewPtr view) { placements.SetView(std::move(view)); },
                         .lost = [](const MemberPtr& member) { member->calls.Abandon(); }});
}

Pool::Impl::~Impl() {
  calls.Wait();
  placements.End();
}

absl::StatusOr<std::unique_ptr<Pool>> Pool::Connect(const std::string& target, PoolOptions options,
                                                    absl::Time deadline) {
  if (!options.resolve) {
    const absl::Status form = CheckTarget(target);
    if (!form.ok()) return form;
  }
  auto impl = std::make_unique<Impl>(target, std::move(options));
  impl->membership->Check(deadline);
  if (impl->membership->view()->serving().empty()) return impl->membership->Trouble();
  return std::unique_ptr<Pool>(new Pool(std::move(impl)));
}

Pool::Pool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pool::~Pool() = default;

std::vector<MemberInfo> Pool::Members() const { return impl_->membership->Members(); }

PoolCounts Pool::Counts() const { return impl_->placements.counts(); }

absl::StatusOr<std::string> Pool::PlaceOf(const std::string& store, uint64_t id) const {
  const absl::StatusOr<StorePtr> found = impl_->FindStore(store);
  if (!found.ok()) return found.status();
  return impl_->placements.PlaceOf(*found, id);
}

absl::StatusOr<StorePtr> Pool::Impl::FindStore(const std::string& name) const {
  StorePtr store = placements.FindStore(name);
  if (store != nullptr) return store;
  return absl::NotFoundError(absl::StrCat("store ", name, " was not created by this pool"));
}

absl::StatusOr<MemberPtr> Pool::Impl::AnyMember() const {
  const ViewPtr view = membership->view();
  if (view->serving().empty()) return membership->Trouble();
  return view->serving().front();
}

absl::StatusOr<Store> Pool::CreateStore(const StoreConfig& config, KeyProvider keys,
                                        absl::Time deadline) {
  std::optional<Store> first;
  absl::Status trouble;
  ViewPtr view;
  // Members that join meanwhile may have missed it.
  do {
    view = impl_->membership->view();
    for (const MemberPtr& member : view->serving()) {
      absl::StatusOr<Store> store = member->client->CreateStore(config, deadline);
      if (!store.ok()) {
        trouble = store.status();
        if (IsOutOfReach(trouble)) continue;
        return trouble;
      }
      if (first.has_value()) continue;
      impl_->placements.AddStore(*store, keys);
      first = *std::move(store);
    }
  } while (view->generation() != impl_->membership->view()->generation());
  if (first.has_value()) return *std::move(first);
  return trouble.ok() ? impl_->membership->Trouble() : trouble;
}

absl::StatusOr<Store> Pool::GetStore(const std::string& name, absl::Time deadline) {
  std::optional<Store> sum;
  absl::Status trouble = impl_->membership->Trouble();
  for (const MemberPtr& member : impl_->membership->view()->serving()) {
    absl::StatusOr<Store> store = member->client->GetStore(name, deadline);
    if (!store.ok()) {
      trouble = store.status();
    } else if (!sum.has_value()) {
      sum = *std::move(store);
    } else {
      sum->sequences += store->sequences;
      sum->resident_bytes += store->resident_bytes;
    }
  }
  if (sum.has_value()) return *std::move(sum);
  return trouble;
}

absl::Status Pool::DeleteStore(const std::string& name, absl::Time deadline) {
  impl_->placements.ForgetStore(name);
  bool was_deleted = false;
  absl::Status trouble;
  for (const MemberPtr& member : impl_->membership->view()->serving()) {
    const absl::Status status = member->client->DeleteStore(name, deadline);
    was_deleted |= status.ok();
    if (!status.ok() && !absl::IsNotFound(status) && !IsOutOfReach(status)) return status;
    if (!status.ok()) trouble = status;
  }
  return was_deleted ? absl::OkStatus() : trouble;
}

}  // namespace kvsift::client
