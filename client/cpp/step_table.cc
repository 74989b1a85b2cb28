#include "client/cpp/step_table.h"

namespace kvsift::client {

void StepTable::Add(StepPtr step) {
  const uint64_t id = ++last_id_;
  deadlines_.emplace(step->deadline, id);
  unsent_.insert(unsent_.end(), id);
  steps_.emplace_hint(steps_.end(), id, std::move(step));
}

std::pair<uint64_t, const PendingStep*> StepTable::TakeUnsent(absl::Time now) {
  while (!unsent_.empty()) {
    const uint64_t id = *unsent_.begin();
    unsent_.erase(unsent_.begin());
    const PendingStep* step = steps_.at(id).get();
    if (step->deadline > now) return {id, step};
  }
  return {0, nullptr};
}

StepPtr StepTable::Take(uint64_t id) {
  const auto found = steps_.find(id);
  if (found == steps_.end()) return nullptr;
  StepPtr step = std::move(found->second);
  steps_.erase(found);
  unsent_.erase(id);
  deadlines_.erase({step->deadline, id});
  return step;
}

StepPtr StepTable::TakeAnswered(uint64_t id) { return Take(id); }

StepPtr StepTable::SendAgain(uint64_t id) {
  const auto found = steps_.find(id);
  if (found == steps_.end()) return nullptr;
  PendingStep& step = *found->second;
  if (step.attempts >= attempts_) return Take(id);
  ++step.attempts;
  unsent_.insert(id);
  return nullptr;
}

std::vector<StepPtr> StepTable::SendAllAgain() {
  std::vector<uint64_t> ids;
  ids.reserve(steps_.size());
  for (const auto& [id, step] : steps_) ids.push_back(id);
  std::vector<StepPtr> failed;
  for (const uint64_t id : ids) {
    if (StepPtr step = SendAgain(id)) failed.push_back(std::move(step));
  }
  return failed;
}

std::vector<StepPtr> StepTable::TakeExpired(absl::Time now) {
  std::vector<StepPtr> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    expired.push_back(Take(deadlines_.begin()->second));
  }
  return expired;
}

std::vector<StepPtr> StepTable::TakeAll() {
  std::vector<StepPtr> all;
  for (auto& [id, step] : steps_) all.push_back(std::move(step));
  steps_.clear();
  unsent_.clear();
  deadlines_.clear();
  return all;
}

absl::Time StepTable::FirstDeadline() const {
  return deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first;
}

}  // namespace kvsift::client
