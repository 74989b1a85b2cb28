#include "client/pool/membership.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "client/pool/endpoints.h"

namespace kvsift::client {
namespace {

constexpr int kTimeoutsOfLoss = 2;

// The pool decides what is sent again, and to whom.
Options MemberOptions(const PoolOptions& options) {
  Options of_member = options.client;
  of_member.attempts = 1;
  return of_member;
}

}  // namespace

Membership::Membership(std::string target, const PoolOptions& options, MembershipListener listener)
    : target_(std::move(target)),
      options_(options),
      listener_(std::move(listener)),
      thread_([this] { Run(); }) {}

Membership::~Membership() {
  {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
  }
  thread_.join();
}

void Membership::Check(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const uint64_t mine = ++asked_;
  const auto is_answered = [this, mine]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return answered_ >= mine || has_ended_;
  };
  mutex_.AwaitWithDeadline(absl::Condition(&is_answered), deadline);
}

ViewPtr Membership::view() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

std::vector<MemberInfo> Membership::Members() const {
  absl::MutexLock lock(&mutex_);
  return infos_;
}

absl::Status Membership::Trouble() const {
  absl::MutexLock lock(&mutex_);
  std::string text = absl::StrCat("no member of the pool ", target_, " serves");
  if (!resolve_status_.ok()) absl::StrAppend(&text, "; ", resolve_status_.message());
  for (const MemberInfo& info : infos_) {
    absl::StrAppend(&text, "; ", info.address, ": ",
                    info.trouble.ok() ? "drains" : std::string(info.trouble.message()));
  }
  return absl::UnavailableError(text);
}

void Membership::Run() {
  while (true) {
    uint64_t asked = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (has_ended_) return;
      asked = asked_;
    }
    Resolve();
    const std::vector<Health> healths = ProbeAll();
    size_t i = 0;
    for (auto& [address, watched] : watched_) Judge(address, watched, healths[i++]);
    Publish();
    DropRetired();
    absl::MutexLock lock(&mutex_);
    answered_ = asked;
    if (IsInDoubt()) continue;
    mutex_.AwaitWithTimeout(absl::Condition(this, &Membership::IsWanted), options_.check_interval);
  }
}

void Membership::Resolve() {
  const absl::Time now = absl::Now();
  if (now < resolve_time_) return;
  const auto found = options_.resolve ? options_.resolve(target_) : ResolveTarget(target_);
  {
    absl::MutexLock lock(&mutex_);
    resolve_status_ = found.status();
  }
  // Who was there is kept while nobody can be found: health tells whether they serve.
  if (!found.ok() || found->empty()) return;
  const bool may_change = options_.resolve || HasNames(target_);
  resolve_time_ = may_change ? now + options_.resolve_interval : absl::InfiniteFuture();
  const std::set<std::string> addresses(found->begin(), found->end());
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (addresses.contains(it->first)) {
      ++it;
      continue;
    }
    if (it->second.member != nullptr) {
      it->second.member->is_gone = true;
      lost_.push_back(it->second.member);
      retired_.push_back(std::move(it->second.member));
    }
    it = watched_.erase(it);
  }
  for (const std::string& address : addresses) {
    if (watched_.contains(address)) continue;
    auto probe = HealthProbe::Make(address, options_.client);
    if (!probe.ok()) continue;
    watched_[address] = {.probe = *std::move(probe), .info = {.address = address}};
  }
}

std::vector<Health> Membership::ProbeAll() {
  std::vector<Health> healths(watched_.size());
  absl::BlockingCounter left(static_cast<int>(watched_.size()));
  size_t i = 0;
  for (auto& [address, watched] : watched_) {
    watched.probe->Start(options_.check_timeout, [&left, &health = healths[i++]](Health answer) {
      health = std::move(answer);
      left.DecrementCount();
    });
  }
  left.Wait();
  return healths;
}

bool Membership::IsInDoubt() const {
  return std::any_of(watched_.begin(), watched_.end(), [](const auto& entry) {
    const Watched& watched = entry.second;
    return watched.info.state == MemberState::kServing && watched.timeouts > 0;
  });
}

void Membership::Lose(Watched& watched, absl::Status why) {
  const bool did_serve = watched.info.state != MemberState::kUnreachable;
  watched.info.state = MemberState::kUnreachable;
  watched.info.trouble = std::move(why);
  if (watched.member == nullptr) return;
  watched.member->is_reachable = false;
  if (did_serve) lost_.push_back(watched.member);
}

void Membership::Judge(const std::string& address, Watched& watched, const Health& health) {
  const bool was_serving = watched.info.state == MemberState::kServing;
  if (absl::IsDeadlineExceeded(health.status) && was_serving &&
      ++watched.timeouts < kTimeoutsOfLoss) {
    return;
  }
  if (!health.status.ok()) return Lose(watched, health.status);
  watched.timeouts = 0;
  if (!health.is_serving) {
    watched.info.state = MemberState::kDraining;
    watched.info.trouble = absl::OkStatus();
    return;
  }
  watched.info.server = health.server;
  const uint64_t incarnation = health.server.incarnation;
  if (watched.member == nullptr || watched.member->incarnation != incarnation) {
    return Join(address, watched, health);
  }
  const absl::Status prepared =
      was_serving ? absl::OkStatus() : listener_.prepare(*watched.member->client);
  if (!prepared.ok()) return Lose(watched, prepared);
  watched.member->is_reachable = true;
  watched.info.state = MemberState::kServing;
  watched.info.trouble = absl::OkStatus();
}

void Membership::Join(const std::string& address, Watched& watched, const Health& health) {
  if (watched.member != nullptr) {
    watched.member->is_reachable = false;
    watched.member->is_gone = true;
    lost_.push_back(watched.member);
    retired_.push_back(std::move(watched.member));
  }
  watched.info.state = MemberState::kUnreachable;
  for (const auto& [other_address, other] : watched_) {
    if (other.info.state != MemberState::kServing || other_address == address) continue;
    if (other.member->incarnation != health.server.incarnation) continue;
    watched.info.trouble = absl::AlreadyExistsError(absl::StrCat("is also ", other_address));
    return;
  }
  auto client =
      Client::Connect(address, MemberOptions(options_), absl::Now() + options_.check_timeout);
  absl::Status status = client.status();
  if (status.ok()) status = listener_.prepare(**client);
  if (!status.ok()) return Lose(watched, status);
  watched.member =
      std::make_shared<PoolMember>(address, health.server.incarnation, *std::move(client));
  watched.info.state = MemberState::kServing;
  watched.info.trouble = absl::OkStatus();
}

void Membership::Publish() {
  std::vector<MemberPtr> serving;
  std::vector<MemberInfo> infos;
  for (const auto& [address, watched] : watched_) {
    infos.push_back(watched.info);
    if (watched.info.state == MemberState::kServing) serving.push_back(watched.member);
  }
  ViewPtr changed;
  {
    absl::MutexLock lock(&mutex_);
    infos_ = std::move(infos);
    if (serving != view_->serving()) {
      changed = std::make_shared<MembersView>(view_->generation() + 1, std::move(serving));
      view_ = changed;
    }
  }
  if (changed != nullptr) listener_.changed(changed);
  // Last: calls that are made again find the members that serve now.
  for (const MemberPtr& member : lost_) listener_.lost(member);
  lost_.clear();
}

void Membership::DropRetired() {
  std::erase_if(retired_, [](const MemberPtr& member) {
    return member.use_count() == 1 && member->calls.unanswered() == 0;
  });
}

}  // namespace kvsift::client
