#include "client/pool/append_run.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "client/pool/request_parts.h"
#include "client/pool/turn.h"

namespace kvsift::client {
namespace {

class AppendRun {
 public:
  AppendRun(Placements& placements, const StorePtr& store, AppendMethod method,
            const AppendRequest& request, absl::Time deadline)
      : placements_(placements),
        store_(store),
        method_(method),
        request_(request),
        deadline_(deadline) {
    result_.epochs.resize(request.entries.size());
    result_.lengths.resize(request.entries.size());
    for (const int32_t id : request.layer_ids) layers_.push_back(*store->store.LayerIndex(id));
  }

  absl::StatusOr<AppendResult> Run() {
    Begin();
    while (!turns_.empty()) {
      std::vector<Group> groups = Admitted();
      CallAll(groups);
      for (Group& group : groups) Record(group);
    }
    const auto entries = std::ssize(request_.entries);
    if (entries > 0 && whole_failures_ == entries) return result_.errors.front().status;
    std::sort(result_.errors.begin(), result_.errors.end(),
              [](const EntryError& a, const EntryError& b) { return a.entry < b.entry; });
    return std::move(result_);
  }

 private:
  // Entries that go to one member in one call.
  struct Group {
    MemberPtr member;
    std::vector<int32_t> entries = {};
    absl::StatusOr<AppendResult> result = AppendResult();
  };
  using TurnPtr = std::unique_ptr<Turn>;

  TurnPtr MakeTurn(int32_t entry) {
    const bool restarts = request_.entries[entry].start == 0;
    return std::make_unique<Turn>(placements_, deadline_, restarts);
  }

  void Begin() {
    for (int32_t entry = 0; entry < std::ssize(request_.entries); ++entry) {
      const AppendEntry& given = request_.entries[entry];
      visits_.push_back(
          placements_.Take(store_, given.sequence_id, given.sequence_id, given.start == 0));
      turns_.emplace_back(entry, MakeTurn(entry));
      turns_.back().second->Begin(visits_.back());
    }
  }

  // Waits until each entry has a member, and takes their turns.
  std::vector<Group> Admitted() {
    std::vector<Group> groups;
    for (auto& [entry, turn] : std::exchange(turns_, {})) {
      const absl::StatusOr<MemberPtr>& member = turn->Await();
      if (!member.ok()) {
        Fail({.entry = entry, .status = member.status()},
             !absl::IsFailedPrecondition(member.status()));
        continue;
      }
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const Group& it) { return it.member == *member; });
      if (group == groups.end()) group = groups.insert(groups.end(), Group{*member});
      group->entries.push_back(entry);
    }
    return groups;
  }

  void Call(Group& group) const {
    Client& client = *group.member->client;
    if (group.entries.size() == request_.entries.size()) {
      group.result = (client.*method_)(store_->store, request_, deadline_);
      return;
    }
    const AppendPart part = PartOf(store_->store.config, request_, group.entries);
    group.result = (client.*method_)(store_->store, part.request, deadline_);
  }

  void CallAll(std::vector<Group>& groups) {
    if (groups.empty()) return;
    absl::BlockingCounter left(static_cast<int>(groups.size()) - 1);
    for (size_t i = 1; i < groups.size(); ++i) {
      placements_.threads().Post([&, i] {
        Call(groups[i]);
        left.DecrementCount();
      });
    }
    Call(groups.front());
    left.Wait();
  }

  void Record(Group& group) {
    std::vector<EntryError> errors(group.entries.size());
    for (size_t i = 0; i < errors.size(); ++i) {
      // The layer and the size are right, so NOT_FOUND means the store.
      if (!group.result.ok()) errors[i] = {.status = group.result.status(), .length = INT64_MAX};
    }
    if (group.result.ok()) {
      result_.server_incarnation = group.result->server_incarnation;
      for (EntryError& error : group.result->errors) errors[error.entry] = std::move(error);
    }
    for (size_t i = 0; i < errors.size(); ++i) {
      const int32_t entry = group.entries[i];
      if (errors[i].status.ok()) {
        Store(entry, group.result->epochs[i], group.result->lengths[i]);
      } else if (!Repeats(entry, errors[i], !group.result.ok())) {
        errors[i].entry = entry;
        if (!group.result.ok()) errors[i].length = 0;
        Fail(std::move(errors[i]), !group.result.ok());
      }
    }
  }

  void Store(int32_t entry, uint64_t epoch, int64_t length) {
    result_.epochs[entry] = epoch;
    result_.lengths[entry] = length;
    const AppendEntry& given = request_.entries[entry];
    placements_.Leave(visits_[entry],
                      {.layers = layers_,
                       .length = given.start + given.count,
                       .epoch = epoch,
                       .is_exact = request_.on_conflict == ConflictRule::kReplaceTail});
  }

  // False: the entry has left, and its error counts.
  bool Repeats(int32_t entry, const EntryError& error, bool is_whole) {
    const int64_t acknowledged =
        is_whole ? 1 : placements_.Acknowledged(*visits_[entry].sequence, layers_);
    Verdict verdict = VerdictOf(error.status, error.length, acknowledged);
    const bool is_callers = verdict == Verdict::kLost && !is_whole && !store_->keys.read;
    if (verdict == Verdict::kSettled || is_callers) {
      placements_.Leave(visits_[entry]);
      return false;
    }
    TurnPtr turn = MakeTurn(entry);
    if (!turn->BeginAgain(visits_[entry], verdict)) return false;
    turns_.emplace_back(entry, std::move(turn));
    return true;
  }

  void Fail(EntryError error, bool is_whole) {
    result_.epochs[error.entry] = error.epoch;
    result_.lengths[error.entry] = error.length;
    result_.errors.push_back(std::move(error));
    whole_failures_ += is_whole ? 1 : 0;
  }

  Placements& placements_;
  const StorePtr& store_;
  const AppendMethod method_;
  const AppendRequest& request_;
  const absl::Time deadline_;
  std::vector<int> layers_;                         // indices into the store's
  std::vector<Visit> visits_;                       // [entries]
  std::vector<std::pair<int32_t, TurnPtr>> turns_;  // of entries that are not settled
  AppendResult result_;
  int64_t whole_failures_ = 0;
};

}  // namespace

absl::StatusOr<AppendResult> RunPoolAppend(Placements& placements, const StorePtr& store,
                                           AppendMethod method, const AppendRequest& request,
                                           absl::Time deadline) {
  return AppendRun(placements, store, method, request, deadline).Run();
}

}  // namespace kvsift::client
