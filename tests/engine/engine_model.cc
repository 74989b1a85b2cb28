#include "tests/engine/engine_model.h"

#include <algorithm>
#include <set>

namespace kvsift {
namespace {

using absl::StatusCode;

constexpr int64_t kPositions = 64;

int64_t PagesFor(int64_t length) { return (length + kPositions - 1) / kPositions; }

bool Shared(const std::shared_ptr<int>& page) { return page.use_count() > 1; }

}  // namespace

const EngineModel::Sequence* EngineModel::Find(uint64_t id) const {
  const auto found = sequences_.find(id);
  return found == sequences_.end() ? nullptr : &found->second;
}

int64_t EngineModel::Length(uint64_t id, int layer) const {
  const Sequence* sequence = Find(id);
  return sequence == nullptr ? 0 : sequence->Length(layer);
}

uint64_t EngineModel::Epoch(uint64_t id) const {
  const Sequence* sequence = Find(id);
  return sequence == nullptr ? 0 : sequence->epoch;
}

int64_t EngineModel::live_pages() const {
  std::set<const int*> pages;
  for (const auto& [id, sequence] : sequences_) {
    for (const auto& page : sequence.pages) pages.insert(page.get());
  }
  return std::ssize(pages);
}

int64_t EngineModel::MostPages(int64_t start, int64_t count) {
  return PagesFor(start + count) - start / kPositions;
}

ModelResult EngineModel::Fail(StatusCode code, uint64_t id, int layer) const {
  return {.code = code, .epoch = Epoch(id), .length = Length(id, layer)};
}

std::optional<ModelResult> EngineModel::CheckVisible(const EntrySpec& entry, int layer,
                                                     int64_t length) const {
  for (const int64_t visible : entry.visible) {
    if (visible < 0) return Fail(StatusCode::kInvalidArgument, entry.id, layer);
    if (visible > length) return Fail(StatusCode::kOutOfRange, entry.id, layer);
  }
  return std::nullopt;
}

ModelResult EngineModel::Step(const EntrySpec& entry, const std::vector<int>& layers,
                              ConflictRule rule, bool alone) {
  const int first = layers[0];
  const bool exists = Find(entry.id) != nullptr;
  const int64_t count = entry.keys.empty() ? 0 : std::ssize(entry.keys[0]) / kSmallKeyBytes;
  if (entry.epoch.has_value() && *entry.epoch != Epoch(entry.id)) {
    return Fail(StatusCode::kAborted, entry.id, first);
  }
  if (count == 0 && !exists) return Fail(StatusCode::kNotFound, entry.id, first);
  Plan plan;
  plan.end = count == 0 ? 0 : entry.start + count;
  for (const int layer : layers) {
    if (count > 0 && entry.start > Length(entry.id, layer)) {
      return Fail(StatusCode::kFailedPrecondition, entry.id, layer);
    }
  }
  const int64_t longest = std::max(plan.end, Length(entry.id, first));
  if (const auto failed = CheckVisible(entry, first, longest)) return *failed;
  if (!entry.invalid.ok()) return Fail(entry.invalid.code(), entry.id, first);
  if (count == 0) return {.epoch = Epoch(entry.id), .length = Length(entry.id, first)};

  for (size_t i = 0; i < layers.size(); ++i) {
    const int64_t length = Length(entry.id, layers[i]);
    int64_t from = entry.start;
    while (from < std::min(length, plan.end) &&
           Slice(Find(entry.id)->layers[layers[i]], from, from + 1) ==
               Slice(entry.keys[i], from - entry.start, from - entry.start + 1)) {
      ++from;
    }
    const bool differs = from < std::min(length, plan.end);
    if (differs && rule == ConflictRule::kFail) {
      return Fail(StatusCode::kFailedPrecondition, entry.id, layers[i]);
    }
    plan.write_from.push_back(from);
    plan.replaces.push_back(differs);
  }
  const int64_t length = plan.replaces[0] ? plan.end : longest;
  if (const auto failed = CheckVisible(entry, first, length)) return *failed;
  return Write(entry, layers, plan, alone);
}

bool EngineModel::Reserve(Sequence& sequence, const Plan& plan, bool alone) const {
  const int64_t from = *std::min_element(plan.write_from.begin(), plan.write_from.end());
  int64_t needed = std::max<int64_t>(PagesFor(plan.end) - std::ssize(sequence.pages), 0);
  std::vector<std::shared_ptr<int>*> copied;
  for (int64_t i = from / kPositions; i < std::ssize(sequence.pages); ++i) {
    if (i < PagesFor(plan.end) && Shared(sequence.pages[i])) copied.push_back(&sequence.pages[i]);
  }
  needed += std::ssize(copied);
  if (alone && needed > free_pages()) return false;
  for (auto* page : copied) *page = std::make_shared<int>();
  while (std::ssize(sequence.pages) < PagesFor(plan.end)) {
    sequence.pages.push_back(std::make_shared<int>());
  }
  return true;
}

ModelResult EngineModel::Write(const EntrySpec& entry, const std::vector<int>& layers,
                               const Plan& plan, bool alone) {
  const bool creates = Find(entry.id) == nullptr;
  const bool writes = std::any_of(plan.write_from.begin(), plan.write_from.end(),
                                  [&plan](int64_t from) { return from < plan.end; });
  bool replaces = false;
  Sequence& sequence = sequences_[entry.id];
  if (writes) {
    if (!Reserve(sequence, plan, alone)) {
      if (creates) sequences_.erase(entry.id);
      return Fail(StatusCode::kResourceExhausted, entry.id, layers[0]);
    }
    sequence.origin.reset();
    for (size_t i = 0; i < layers.size(); ++i) {
      Bytes& stored = sequence.layers[layers[i]];
      replaces |= plan.replaces[i];
      if (plan.write_from[i] == plan.end) continue;
      stored = Joined(Slice(stored, 0, entry.start), entry.keys[i]);
    }
    sequence.pages.resize(PagesFor(sequence.Longest()));
    if (alone && (creates || replaces)) sequence.epoch = ++last_epoch_;
  }
  return {.epoch = sequence.epoch,
          .length = sequence.Length(layers[0]),
          .takes_epoch = creates || replaces};
}

ModelResult EngineModel::Truncate(uint64_t id, int64_t length, std::optional<uint64_t> epoch) {
  if (epoch.has_value() && *epoch != Epoch(id)) return Fail(StatusCode::kAborted, id, 0);
  if (Find(id) == nullptr) return Fail(StatusCode::kNotFound, id, 0);
  Sequence& sequence = sequences_[id];
  if (length < sequence.Longest()) {
    for (Bytes& layer : sequence.layers) {
      layer.resize(std::min<size_t>(layer.size(), length * kSmallKeyBytes));
    }
    sequence.pages.resize(PagesFor(sequence.Longest()));
    sequence.origin.reset();
    sequence.epoch = ++last_epoch_;
  }
  return {.epoch = sequence.epoch, .length = sequence.Length(0)};
}

ModelResult EngineModel::Fork(uint64_t parent, uint64_t child, int64_t length,
                              std::optional<uint64_t> epoch) {
  const Sequence* from = Find(parent);
  if (epoch.has_value() && *epoch != (from == nullptr ? 0 : from->epoch)) {
    return Fail(StatusCode::kAborted, parent, 0);
  }
  if (const Sequence* there = Find(child); there != nullptr) {
    const bool same = there->origin == std::make_pair(parent, length);
    return Fail(same ? StatusCode::kOk : StatusCode::kAlreadyExists, child, 0);
  }
  if (from == nullptr) return Fail(StatusCode::kNotFound, child, 0);
  Sequence copy = *from;
  for (Bytes& layer : copy.layers) {
    layer.resize(std::min<size_t>(layer.size(), length * kSmallKeyBytes));
  }
  copy.pages.resize(PagesFor(copy.Longest()));
  copy.origin = {parent, length};
  copy.epoch = ++last_epoch_;
  sequences_[child] = copy;
  return {.epoch = copy.epoch, .length = copy.Length(0)};
}

ModelResult EngineModel::Release(uint64_t id, std::optional<uint64_t> epoch) {
  if (epoch.has_value() && *epoch != Epoch(id)) return Fail(StatusCode::kAborted, id, 0);
  if (Find(id) == nullptr) return Fail(StatusCode::kNotFound, id, 0);
  const ModelResult result = Fail(StatusCode::kOk, id, 0);
  sequences_.erase(id);
  return result;
}

void EngineModel::AdoptEpoch(uint64_t id, uint64_t epoch) {
  sequences_[id].epoch = epoch;
  last_epoch_ = std::max(last_epoch_, epoch);
}

}  // namespace kvsift
