#include "client/pool/placements.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace kvsift::client {
namespace {

absl::Status TooLate() {
  return absl::DeadlineExceededError("the deadline passed before the sequence was in its place");
}

}  // namespace

Verdict VerdictOf(const absl::Status& status, int64_t length, int64_t acknowledged) {
  switch (status.code()) {
    // The last two are how connections and servers end that shut down.
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
      return Verdict::kSuspect;
    case absl::StatusCode::kNotFound:
      return acknowledged > 0 ? Verdict::kLost : Verdict::kSettled;
    case absl::StatusCode::kOk:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return length < acknowledged ? Verdict::kLost : Verdict::kSettled;
    default:
      return Verdict::kSettled;
  }
}

Placements::Placements(const PoolOptions& options, PlacementServices services)
    : options_(options),
      services_(std::move(services)),
      alarm_(timer_.AddAlarm([this] { Expire(); })),
      threads_(std::make_unique<BlockingThreads>(std::max(options.move_threads, 1))) {}

void Placements::End() {
  threads_.reset();
  for (const StoreConfig& store : StoreConfigs()) ForgetStore(store.name);
}

void Placements::SetView(ViewPtr view) {
  std::vector<Copy> reachable;
  {
    absl::MutexLock lock(&mutex_);
    view_ = std::move(view);
    const auto kept = std::partition(stale_.begin(), stale_.end(),
                                     [](const Copy& copy) { return !copy.member->is_reachable; });
    std::move(kept, stale_.end(), std::back_inserter(reachable));
    stale_.erase(kept, stale_.end());
    std::erase_if(stale_, [](const Copy& copy) { return copy.member->is_gone.load(); });
  }
  for (const Copy& copy : reachable) ReleaseCopy(copy);
}

ViewPtr Placements::view() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

StorePtr Placements::AddStore(const Store& store, KeyProvider keys) {
  absl::flat_hash_map<uint64_t, SequencePtr> forgotten;  // whose members may end with them
  absl::MutexLock lock(&mutex_);
  StorePtr& place = stores_[store.config.name];
  if (place == nullptr || place->store.fingerprint != store.fingerprint) {
    if (place != nullptr) forgotten = Forget(*place);
    place = std::make_shared<PoolStore>(store, std::move(keys));
  }
  return place;
}

StorePtr Placements::FindStore(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = stores_.find(name);
  return found == stores_.end() ? nullptr : found->second;
}

void Placements::ForgetStore(const std::string& name) {
  absl::flat_hash_map<uint64_t, SequencePtr> forgotten;  // whose members may end with them
  absl::MutexLock lock(&mutex_);
  const auto found = stores_.find(name);
  if (found == stores_.end()) return;
  forgotten = Forget(*found->second);
  stores_.erase(found);
}

absl::flat_hash_map<uint64_t, SequencePtr> Placements::Forget(PoolStore& store) {
  store.is_forgotten = true;
  return std::exchange(store.sequences, {});
}

std::vector<StoreConfig> Placements::StoreConfigs() const {
  absl::MutexLock lock(&mutex_);
  std::vector<StoreConfig> configs;
  for (const auto& [name, store] : stores_) configs.push_back(store->store.config);
  return configs;
}

Visit Placements::Take(const StorePtr& store, uint64_t id, uint64_t root, bool created) {
  absl::MutexLock lock(&mutex_);
  SequencePtr unplaced;
  SequencePtr& sequence = store->is_forgotten ? unplaced : store->sequences[id];
  if (sequence == nullptr) {
    sequence = std::make_shared<PlacedSequence>(store, id, root);
    sequence->is_unknown = !created;
  }
  return {sequence, ++sequence->last_ticket};
}

void Placements::Forget(const StorePtr& store, uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto found = store->sequences.find(id);
  if (found == store->sequences.end()) return;
  found->second->is_released = true;
  store->sequences.erase(found);
}

MemberPtr Placements::Target(const PlacedSequence& sequence) const {
  const bool may_stay = !options_.rebalance || !sequence.store->keys.read;
  if (may_stay && sequence.member != nullptr && view_->Serves(sequence.member)) {
    return sequence.member;
  }
  return view_->Pick(sequence.root);
}

bool Placements::IsReady(PlacedSequence& sequence) {
  if (sequence.is_moving || sequence.is_unknown || sequence.is_suspect || sequence.is_lost ||
      !sequence.waiting.empty()) {
    return false;
  }
  if (sequence.generation == view_->generation()) return true;
  const MemberPtr target = Target(sequence);
  if (target == nullptr) return false;
  if (sequence.member == nullptr) sequence.member = target;  // a new one: nothing to bring
  if (sequence.member != target) return false;
  sequence.generation = view_->generation();
  return true;
}

MemberPtr Placements::Enter(const Visit& visit) {
  absl::MutexLock lock(&mutex_);
  if (!IsReady(*visit.sequence)) return nullptr;
  ++visit.sequence->in_flight;
  return visit.sequence->member;
}

void Placements::Wait(const Visit& visit, Waiter waiter) {
  absl::MutexLock lock(&mutex_);
  Enqueue(visit, std::move(waiter));
}

void Placements::Enqueue(const Visit& visit, Waiter waiter) {
  const SequencePtr& sequence = visit.sequence;
  if (waiter.deadline < absl::InfiniteFuture()) {
    expiries_[{waiter.deadline, sequence.get(), visit.ticket}] = sequence;
    timer_.Set(alarm_, std::get<0>(expiries_.begin()->first));
  }
  sequence->waiting.emplace(visit.ticket, std::move(waiter));
  MoveIfIdle(sequence);
}

void Placements::MoveIfIdle(const SequencePtr& sequence) {
  if (sequence->is_moving || sequence->in_flight > 0 || sequence->waiting.empty()) return;
  sequence->is_moving = true;
  threads_->Post([this, sequence] { Move(sequence); });
}

void Placements::Leave(const Visit& visit, const Receipt& receipt) {
  absl::MutexLock lock(&mutex_);
  PlacedSequence& sequence = *visit.sequence;
  for (const int layer : receipt.layers) {
    int64_t& length = sequence.lengths[layer];
    length = receipt.is_exact ? receipt.length : std::max(length, receipt.length);
  }
  if (!receipt.layers.empty()) {
    sequence.epoch = receipt.epoch;
    sequence.refusals = 0;
  }
  --sequence.in_flight;
  MoveIfIdle(visit.sequence);
}

bool Placements::Again(Visit& visit, Verdict verdict, Waiter waiter) {
  absl::MutexLock lock(&mutex_);
  PlacedSequence& sequence = *visit.sequence;
  --sequence.in_flight;
  if (verdict == Verdict::kSuspect) {
    sequence.is_suspect = true;
    ++sequence.refusals;
  }
  if (verdict == Verdict::kLost) sequence.is_lost = true;
  const bool repeats = ++visit.attempts <= options_.client.attempts &&
                       waiter.deadline > absl::Now() && !sequence.is_released;
  if (repeats) {
    Enqueue(visit, std::move(waiter));
  } else {
    MoveIfIdle(visit.sequence);
  }
  return repeats;
}

void Placements::Expire() {
  std::vector<Waiter> expired;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    while (!expiries_.empty() && std::get<0>(expiries_.begin()->first) <= now) {
      const auto [deadline, place, ticket] = expiries_.begin()->first;
      const SequencePtr sequence = std::move(expiries_.begin()->second);
      expiries_.erase(expiries_.begin());
      const auto found = sequence->waiting.find(ticket);
      if (found == sequence->waiting.end()) continue;
      expired.push_back(std::move(found->second));
      sequence->waiting.erase(found);
    }
    if (!expiries_.empty()) timer_.Set(alarm_, std::get<0>(expiries_.begin()->first));
  }
  for (Waiter& waiter : expired) waiter.admit(TooLate());
}

void Placements::Truncated(const Visit& visit, int64_t length, uint64_t epoch) {
  absl::MutexLock lock(&mutex_);
  for (int64_t& it : visit.sequence->lengths) it = std::min(it, length);
  visit.sequence->epoch = epoch;
}

void Placements::Forked(const Visit& parent, uint64_t child, int64_t length, uint64_t epoch) {
  absl::MutexLock lock(&mutex_);
  const PlacedSequence& from = *parent.sequence;
  auto forked = std::make_shared<PlacedSequence>(from.store, child, from.root);
  forked->member = from.member;
  forked->generation = from.generation;
  forked->epoch = epoch;
  forked->lengths = from.lengths;
  for (int64_t& it : forked->lengths) it = std::min(it, length);
  if (!from.store->is_forgotten) from.store->sequences[child] = std::move(forked);
}

int64_t Placements::Acknowledged(const PlacedSequence& sequence,
                                 std::span<const int> layers) const {
  absl::MutexLock lock(&mutex_);
  int64_t least = INT64_MAX;
  for (const int layer : layers) least = std::min(least, sequence.lengths[layer]);
  return least;
}

int64_t Placements::Longest(const Visit& visit) const {
  absl::MutexLock lock(&mutex_);
  return *std::max_element(visit.sequence->lengths.begin(), visit.sequence->lengths.end());
}

std::optional<MemberPtr> Placements::MemberOf(const StorePtr& store, uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = store->sequences.find(id);
  if (found == store->sequences.end()) return std::nullopt;
  return found->second->member;
}

absl::StatusOr<std::string> Placements::PlaceOf(const StorePtr& store, uint64_t id) const {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = store->sequences.find(id);
    const MemberPtr target =
        found == store->sequences.end() ? view_->Pick(id) : Target(*found->second);
    if (target != nullptr) return target->address;
  }
  return services_.trouble();
}

PoolCounts Placements::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace kvsift::client
