// How Placements brings a sequence to its place.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/connection.h"
#include "client/pool/placements.h"
#include "client/pool/provided_keys.h"

namespace kvsift::client {
namespace {

// For work that nobody waits for.
constexpr absl::Duration kTidyTimeout = absl::Seconds(5);

absl::Status Moved(const PlacedSequence& sequence, const std::string& address) {
  return absl::FailedPreconditionError(absl::StrCat("sequence ", sequence.id, " has moved to ",
                                                    address, ": append its keys again, from 0"));
}

}  // namespace

void Placements::Move(const SequencePtr& sequence) {
  Backoff backoff(options_.client);
  absl::Status status;
  for (int attempt = 1; attempt <= options_.client.attempts; ++attempt) {
    absl::Time deadline = absl::InfinitePast();
    bool is_suspect = false;
    int refusals = 0;
    MemberPtr before;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [ticket, waiter] : sequence->waiting) {
        deadline = std::max(deadline, waiter.deadline);
      }
      is_suspect = std::exchange(sequence->is_suspect, false);
      refusals = sequence->refusals;
      before = sequence->member;
    }
    if (deadline <= absl::Now()) {
      status = absl::DeadlineExceededError("the deadline passed before the sequence was moved");
      break;
    }
    // A member that is lost already is not asked again.
    if (is_suspect && (attempt > 1 || view()->Serves(before))) services_.check(deadline);
    status = Settle(sequence, deadline);
    const bool is_unavailable = VerdictOf(status, INT64_MAX, 0) == Verdict::kSuspect;
    // A member that serves but does not answer is given time; another one is asked at once.
    if (is_unavailable || (is_suspect && view()->Serves(before))) {
      for (int i = 1; i < refusals && attempt == 1; ++i) backoff.Next();
      backoff.Wait(deadline);
    }
    if (!is_unavailable) break;
    // Nobody was asked in vain.
    if (view()->serving().empty() && options_.client.attempts > 1) --attempt;
    absl::MutexLock lock(&mutex_);
    sequence->is_suspect = true;
  }
  AdmitAll(sequence, status);
}

absl::Status Placements::Settle(const SequencePtr& sequence, absl::Time deadline) {
  const ViewPtr view = this->view();
  bool is_unknown = false;
  {
    absl::MutexLock lock(&mutex_);
    is_unknown = sequence->is_unknown;
  }
  if (view->serving().empty()) return services_.trouble();
  if (is_unknown) LookUp(sequence, view, deadline);
  MemberPtr target;
  {
    absl::MutexLock lock(&mutex_);
    target = Target(*sequence);
    if (target == nullptr) return absl::UnavailableError("no member serves any more");
    if (target == sequence->member && !sequence->is_lost) {
      sequence->generation = view_->generation();
      return absl::OkStatus();
    }
  }
  return Bring(sequence, target, view->generation(), deadline);
}

void Placements::LookUp(const SequencePtr& sequence, const ViewPtr& view, absl::Time deadline) {
  const Store& store = sequence->store->store;
  const MemberPtr owner = view->Pick(sequence->root);
  MemberPtr holder;
  Sequence held;
  int64_t most = -1;
  for (const MemberPtr& member : view->serving()) {
    auto found = member->client->GetSequence(store.config.name, sequence->id, deadline);
    if (!found.ok()) continue;
    int64_t positions = 0;
    for (const LayerLength& layer : found->layers) positions += layer.length;
    // A copy that was left behind is shorter than what has gone on elsewhere.
    if (positions < most || (positions == most && member != owner)) continue;
    most = positions;
    holder = member;
    held = *std::move(found);
  }
  absl::MutexLock lock(&mutex_);
  sequence->is_unknown = false;
  if (holder == nullptr) return;
  sequence->member = holder;
  sequence->epoch = held.epoch;
  for (const LayerLength& layer : held.layers) {
    const auto index = store.LayerIndex(layer.layer_id);
    if (index.has_value()) sequence->lengths[*index] = layer.length;
  }
}

absl::Status Placements::Bring(const SequencePtr& sequence, const MemberPtr& target,
                               uint64_t generation, absl::Time deadline) {
  const PoolStore& store = *sequence->store;
  std::vector<int64_t> lengths;
  MemberPtr old;
  uint64_t old_epoch = 0;
  {
    absl::MutexLock lock(&mutex_);
    lengths = sequence->lengths;
    old = sequence->member;
    old_epoch = sequence->epoch;
  }
  const bool has_keys =
      std::any_of(lengths.begin(), lengths.end(), [](int64_t n) { return n > 0; });
  // A server that lost its sequences may have lost the store, too.
  const auto created = target->client->CreateStore(store.store.config, deadline);
  if (!created.ok()) return created.status();
  // What is there under this id is a copy of earlier times.
  absl::Status status =
      target->client->Release(store.store.config.name, sequence->id, {}, deadline);
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  absl::StatusOr<uint64_t> epoch = 0;
  if (has_keys && store.keys.read) {
    epoch =
        AppendProvided(*target->client, store.store, store.keys, sequence->id, lengths, deadline);
    if (!epoch.ok()) return epoch.status();
  }
  {
    absl::MutexLock lock(&mutex_);
    if (has_keys && !store.keys.read) sequence->moved = Moved(*sequence, target->address);
    sequence->member = target;
    sequence->epoch = *epoch;
    sequence->generation = generation;
    sequence->is_lost = false;
    if (has_keys) ++counts_.moved_sequences;
    for (const int64_t length : lengths) {
      if (store.keys.read) counts_.moved_positions += length;
    }
  }
  if (has_keys && old != nullptr && old != target) ReleaseCopy({sequence, old, old_epoch});
  return absl::OkStatus();
}

void Placements::ReleaseCopy(const Copy& copy) {
  tidy_.Post([this, copy] {
    if (copy.member->is_reachable) {
      // One that drains forgets it by itself.
      (void)copy.member->client->Release(copy.sequence->store->store.config.name, copy.sequence->id,
                                         copy.epoch, absl::Now() + kTidyTimeout);
      return;
    }
    absl::MutexLock lock(&mutex_);
    if (!copy.member->is_gone) stale_.push_back(copy);
  });
}

void Placements::AdmitAll(const SequencePtr& sequence, const absl::Status& status) {
  while (true) {
    Waiter waiter;
    absl::StatusOr<MemberPtr> outcome = MemberPtr();
    {
      absl::MutexLock lock(&mutex_);
      const bool is_over = sequence->waiting.empty();
      // Trouble again, or others serve than a moment ago.
      const bool is_stale = status.ok() && (sequence->is_lost || sequence->is_suspect ||
                                            sequence->generation != view_->generation());
      if (is_over || is_stale) {
        sequence->is_moving = false;
        if (is_over) sequence->moved = absl::OkStatus();
        if (sequence->is_released && sequence->member != nullptr) {
          ReleaseCopy({sequence, sequence->member, sequence->epoch});
        }
        return MoveIfIdle(sequence);
      }
      waiter = std::move(sequence->waiting.begin()->second);
      expiries_.erase({waiter.deadline, sequence.get(), sequence->waiting.begin()->first});
      sequence->waiting.erase(sequence->waiting.begin());
      if (status.ok() && (sequence->moved.ok() || waiter.restarts)) {
        outcome = sequence->member;
        ++sequence->in_flight;
      } else {
        outcome = status.ok() ? sequence->moved : status;
      }
    }
    waiter.admit(std::move(outcome));
  }
}

}  // namespace kvsift::client
