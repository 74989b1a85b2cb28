#include "client/pool/step_run.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace kvsift::client {
namespace {

// Entries that are in their place, by member. Few members: a list is found through fast.
using Groups = std::vector<std::pair<MemberPtr, std::vector<int32_t>>>;

std::vector<int32_t>& GroupOf(Groups& groups, MemberPtr member) {
  for (auto& [it, entries] : groups) {
    if (it == member) return entries;
  }
  groups.emplace_back(std::move(member), std::vector<int32_t>());
  return groups.back().second;
}

absl::Status Incomplete(int64_t length, int64_t acknowledged) {
  return absl::FailedPreconditionError(
      absl::StrCat("the member holds ", length, " of ", acknowledged,
                   " acknowledged positions of the layer: append the rest again"));
}

}  // namespace

StepRun::StepRun(Placements& placements, StorePtr store, StepPart part, absl::Time deadline,
                 CallsInFlight::Call call, SelectionCallback done)
    : call_(std::move(call)),
      placements_(placements),
      store_(std::move(store)),
      part_(std::move(part)),
      layer_(store_->store.LayerIndex(part_.request.layer_id).value_or(0)),
      deadline_(deadline),
      done_(std::move(done)),
      open_(std::ssize(part_.request.entries)) {}

void StepRun::Start() {
  const std::vector<StepEntry>& entries = part_.request.entries;
  visits_.reserve(entries.size());
  for (const StepEntry& entry : entries) {
    const bool creates = entry.key_count > 0 && entry.start == 0;
    visits_.push_back(placements_.Take(store_, entry.sequence_id, entry.sequence_id, creates));
  }
  Groups groups;
  for (int32_t entry = 0; entry < std::ssize(entries); ++entry) {
    MemberPtr member = placements_.Enter(visits_[entry]);
    if (member != nullptr) {
      GroupOf(groups, std::move(member)).push_back(entry);
    } else {
      placements_.Wait(visits_[entry], WaiterOf(entry));
    }
  }
  for (auto& [member, group] : groups) Send(member, std::move(group));
}

Waiter StepRun::WaiterOf(int32_t entry) {
  const StepEntry& given = part_.request.entries[entry];
  return {.deadline = deadline_,
          .restarts = given.key_count > 0 && given.start == 0,
          .admit = [self = shared_from_this(), entry](const absl::StatusOr<MemberPtr>& member) {
            if (member.ok()) return self->Send(*member, {entry});
            const bool is_whole = !absl::IsFailedPrecondition(member.status());
            self->Fail(entry, member.status(), is_whole);
          }};
}

void StepRun::Send(const MemberPtr& member, Entries entries) {
  const bool is_all = entries.size() == part_.request.entries.size();
  StepPart slice;
  if (!is_all) slice = PartOf(store_->store.config, part_.request, entries);
  SelectionCallback answer = member->calls.Add(
      [self = shared_from_this(), entries = std::move(entries)](
          absl::StatusOr<SelectionResult> result) { self->Answered(entries, std::move(result)); });
  member->client->StepAsync(store_->store, is_all ? part_.request : slice.request, deadline_,
                            std::move(answer));
}

void StepRun::Answered(Entries entries, absl::StatusOr<SelectionResult> answer) {
  if (!answer.ok()) return Refused(entries, answer.status());
  std::vector<EntryError*> errors(entries.size(), nullptr);
  for (EntryError& error : answer->errors) errors[error.entry] = &error;
  std::vector<EntryError> incomplete;
  int64_t settled = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    Visit& visit = visits_[entries[i]];
    EntryError made = {.entry = static_cast<int32_t>(i), .length = answer->lengths[i]};
    EntryError& error = errors[i] != nullptr ? *errors[i] : made;
    const Verdict verdict = Judge(entries[i], error);
    if (verdict == Verdict::kSettled) {
      placements_.Leave(visit, ReceiptOf(entries[i], error.status, answer->epochs[i]));
    } else if (placements_.Again(visit, verdict, WaiterOf(entries[i]))) {
      entries[i] = PartAnswer::kSuperseded;
      continue;
    }
    ++settled;
    if (errors[i] == nullptr && !made.status.ok()) incomplete.push_back(std::move(made));
  }
  for (EntryError& error : incomplete) answer->errors.push_back(std::move(error));
  Settle(settled, PartAnswer{std::move(entries), *std::move(answer)});
}

Receipt StepRun::ReceiptOf(int32_t entry, const absl::Status& status, uint64_t epoch) const {
  if (!status.ok()) return {};
  const StepEntry& given = part_.request.entries[entry];
  const bool replaces = part_.request.on_conflict == ConflictRule::kReplaceTail;
  return {.layers = std::span(&layer_, 1),
          .length = given.key_count > 0 ? given.start + given.key_count : 0,
          .epoch = epoch,
          .is_exact = replaces && given.key_count > 0};
}

Verdict StepRun::Judge(int32_t entry, EntryError& error) const {
  const StepEntry& given = part_.request.entries[entry];
  // What a step with keys selects from ends with them.
  if (error.status.ok() && given.key_count > 0) return Verdict::kSettled;
  const int64_t acknowledged =
      placements_.Acknowledged(*visits_[entry].sequence, std::span(&layer_, 1));
  const Verdict verdict = VerdictOf(error.status, error.length, acknowledged);
  if (verdict != Verdict::kLost || store_->keys.read) return verdict;
  // Nobody but the caller can bring the keys back.
  error.status = Incomplete(error.length, acknowledged);
  return Verdict::kSettled;
}

void StepRun::Refused(const Entries& entries, const absl::Status& status) {
  // The layer is there, so NOT_FOUND means the store.
  const Verdict verdict = VerdictOf(status, INT64_MAX, 1);
  for (const int32_t entry : entries) {
    if (verdict == Verdict::kSettled) {
      placements_.Leave(visits_[entry]);
    } else if (placements_.Again(visits_[entry], verdict, WaiterOf(entry))) {
      continue;
    }
    Fail(entry, status, true);
  }
}

void StepRun::Fail(int32_t entry, const absl::Status& status, bool is_whole) {
  {
    absl::MutexLock lock(&mutex_);
    failed_.push_back({.entry = entry, .status = status});
    whole_failures_ += is_whole ? 1 : 0;
  }
  Settle(1, std::nullopt);
}

void StepRun::Settle(int64_t settled, std::optional<PartAnswer> part) {
  absl::StatusOr<SelectionResult> result;
  {
    absl::MutexLock lock(&mutex_);
    if (part.has_value()) answers_.push_back(*std::move(part));
    open_ -= settled;
    if (open_ > 0) return;
    result = Result();
  }
  // Once: nothing is open any more.
  std::exchange(done_, nullptr)(std::move(result));
}

absl::StatusOr<SelectionResult> StepRun::Result() {
  const int64_t entries = std::ssize(part_.request.entries);
  if (entries > 0 && whole_failures_ == entries) return failed_.front().status;
  bool is_whole = failed_.empty() && answers_.size() == 1;
  if (is_whole) {
    for (int32_t i = 0; i < entries; ++i) is_whole &= answers_[0].entries[i] == i;
  }
  if (is_whole) return std::move(answers_[0].result);
  return MergeAnswers(store_->store, part_.request, answers_, failed_);
}

}  // namespace kvsift::client
