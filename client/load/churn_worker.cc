#include "client/load/churn_worker.h"

#include <algorithm>
#include <utility>

namespace kvsift::load {
namespace {

constexpr size_t kMostSequences = 6;
constexpr int64_t kMostGrowth = 64;  // positions of one append to a sequence that is there

}  // namespace

ChurnWorker::ChurnWorker(RunContext& context, int index)
    : BlockingWorker(context), index_(index), random_(Mix(context.plan.seed, index)) {}

absl::Status ChurnWorker::Turn(int64_t intended) {
  ++calls_;
  const int64_t dice = random_.Below(100);
  if (sequences_.empty() || (dice < 10 && sequences_.size() < kMostSequences)) {
    return Create(intended);
  }
  const auto index = static_cast<size_t>(random_.Below(std::ssize(sequences_)));
  Sequence& sequence = sequences_[index];
  absl::Status status;
  if (dice < 35) {
    status = Grow(sequence, intended);
  } else if (dice < 45 && sequences_.size() < kMostSequences) {
    return Fork(sequence, intended);
  } else if (dice < 55) {
    status = Truncate(sequence, intended);
  } else if (dice < 60) {
    return Release(index, intended);
  } else {
    const auto layer = static_cast<int>(random_.Below(std::ssize(context_.store.config.layer_ids)));
    status = SelectOnce(sequence.id, sequence.content, layer, sequence.length, calls_, intended);
  }
  if (!status.ok()) Forget(index);
  return status;
}

absl::Status ChurnWorker::Append(Sequence& sequence, int64_t count, int64_t intended) {
  const auto layers = std::ssize(context_.store.config.layer_ids);
  AppendBuffer buffer;
  const absl::Status status = AppendContent(context_, sequence.id, sequence.content,
                                            sequence.length, sequence.length + count, buffer);
  if (status.ok()) sequence.length += count;
  return Count(
      Operation::kAppend, intended, status,
      {.keys_appended = count * layers, .sent_bytes = count * layers * context_.pool.key_bytes()});
}

absl::Status ChurnWorker::Create(int64_t intended) {
  const uint64_t id = SequenceId(index_, next_id_++);
  sequences_.push_back({id, 0, Content(Mix(context_.plan.seed, id))});
  context_.contents.Put(id, sequences_.back().content);
  const int64_t length = 1 + random_.Below(context_.plan.context);
  const absl::Status status = Append(sequences_.back(), length, intended);
  if (!status.ok()) Forget(sequences_.size() - 1);
  return status;
}

absl::Status ChurnWorker::Grow(Sequence& sequence, int64_t intended) {
  const int64_t room = context_.plan.longest() - sequence.length;
  if (room < 1) return Truncate(sequence, intended);
  return Append(sequence, 1 + random_.Below(std::min(room, kMostGrowth)), intended);
}

absl::Status ChurnWorker::Fork(const Sequence& parent, int64_t intended) {
  Sequence child = parent;
  child.id = SequenceId(index_, next_id_++);
  child.length = 1 + random_.Below(parent.length);
  child.content.Cut(child.length, Mix(context_.plan.seed, child.id));
  context_.contents.Put(child.id, child.content);
  const auto forked = context_.client.Fork(context_.store.config.name, parent.id, child.id,
                                           child.length, {}, context_.Deadline());
  const absl::Status status = Count(Operation::kFork, intended, forked.status(), {});
  sequences_.push_back(std::move(child));
  if (!status.ok()) Forget(sequences_.size() - 1);
  return status;
}

absl::Status ChurnWorker::Truncate(Sequence& sequence, int64_t intended) {
  const int64_t length = 1 + random_.Below(sequence.length);
  const auto cut = context_.client.Truncate(context_.store.config.name, sequence.id, length, {},
                                            context_.Deadline());
  sequence.length = length;
  sequence.content.Cut(length, Mix(context_.plan.seed, sequence.id, calls_));
  context_.contents.Put(sequence.id, sequence.content);
  return Count(Operation::kTruncate, intended, cut.status(), {});
}

absl::Status ChurnWorker::Release(size_t index, int64_t intended) {
  const uint64_t id = sequences_[index].id;
  sequences_.erase(sequences_.begin() + static_cast<std::ptrdiff_t>(index));
  const absl::Status status =
      context_.client.Release(context_.store.config.name, id, {}, context_.Deadline());
  context_.contents.Remove(id);
  return Count(Operation::kRelease, intended, status, {});
}

void ChurnWorker::Forget(size_t index) {
  // Whether it is there or the server can be reached does not matter: its identifier is not used
  // again.
  (void)context_.client.Release(context_.store.config.name, sequences_[index].id, {},
                                context_.Deadline());
  context_.contents.Remove(sequences_[index].id);
  sequences_.erase(sequences_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace kvsift::load
