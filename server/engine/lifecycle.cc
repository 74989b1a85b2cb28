#include "server/engine/lifecycle.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "server/engine/entry_status.h"
#include "server/engine/lifecycle_work.h"
#include "server/engine/scheduler.h"

namespace kvsift {

void LifecycleWork::Start(std::unique_ptr<LifecycleWork> work) {
  // Deletes itself in Finish, perhaps before Admit returns.
  LifecycleWork* started = work.release();
  const std::shared_ptr<Store> store = started->store_;
  Work* const works[] = {started};
  if (store->scheduler().Admit(*store, works)) return;
  started->result_.status = UnknownStore(store->config().name);
  started->Finish();
}

void LifecycleWork::Finish() {
  const std::unique_ptr<LifecycleWork> self(this);
  done_(std::move(result_));
}

Work::Progress LifecycleWork::End(absl::Status status, const Sequence* sequence) {
  result_.status = std::move(status);
  result_.epoch = EpochOf(sequence);
  if (sequence != nullptr) result_.lengths = sequence->lengths;
  return Progress::kDone;
}

namespace {

class TruncateWork final : public LifecycleWork {
 public:
  TruncateWork(std::shared_ptr<Store> store, uint64_t id, std::optional<uint64_t> expected_epoch,
               int64_t length, std::function<void(MutationResult)> done)
      : LifecycleWork(std::move(store), std::move(done)),
        expected_epoch_(expected_epoch),
        length_(length) {
    AddTurn(id, Access::kWrite);
  }

  Progress Advance(PagePool& pool, BatchDraft&) override {
    Sequence* sequence = turns()[0].slot->sequence.get();
    absl::Status status = CheckEpoch(expected_epoch_, sequence);
    if (status.ok() && length_ < 0) status = NegativeLength(length_);
    if (status.ok() && sequence == nullptr) status = UnknownSequence(turns()[0].id);
    if (!status.ok() || length_ >= sequence->LongestLayer()) return End(status, sequence);
    for (int64_t& length : sequence->lengths) length = std::min(length, length_);
    sequence->epoch = store().NextEpoch();
    sequence->origin.reset();
    store().CountPositions(*sequence);
    store().TrimPages(*sequence, pool);
    return End(absl::OkStatus(), sequence);
  }

 private:
  const std::optional<uint64_t> expected_epoch_;
  const int64_t length_;
};

class ReleaseWork final : public LifecycleWork {
 public:
  ReleaseWork(std::shared_ptr<Store> store, uint64_t id, std::optional<uint64_t> expected_epoch,
              std::function<void(MutationResult)> done)
      : LifecycleWork(std::move(store), std::move(done)), expected_epoch_(expected_epoch) {
    AddTurn(id, Access::kWrite);
  }

  Progress Advance(PagePool& pool, BatchDraft&) override {
    SequenceSlot& slot = *turns()[0].slot;
    absl::Status status = CheckEpoch(expected_epoch_, slot.sequence.get());
    if (status.ok() && slot.sequence == nullptr) status = UnknownSequence(slot.id);
    const Progress progress = End(status, slot.sequence.get());
    if (status.ok()) store().Remove(slot, pool);
    return progress;
  }

 private:
  const std::optional<uint64_t> expected_epoch_;
};

}  // namespace

void StartTruncate(std::shared_ptr<Store> store, uint64_t id,
                   std::optional<uint64_t> expected_epoch, int64_t length,
                   std::function<void(MutationResult)> done) {
  LifecycleWork::Start(std::make_unique<TruncateWork>(std::move(store), id, expected_epoch, length,
                                                      std::move(done)));
}

void StartRelease(std::shared_ptr<Store> store, uint64_t id, std::optional<uint64_t> expected_epoch,
                  std::function<void(MutationResult)> done) {
  LifecycleWork::Start(
      std::make_unique<ReleaseWork>(std::move(store), id, expected_epoch, std::move(done)));
}

void ReleaseAll(const std::shared_ptr<Store>& store) {
  store->scheduler().Close(*store, [&store](uint64_t id) -> Work* {
    return new ReleaseWork(store, id, std::nullopt, [](const MutationResult&) {});
  });
}

}  // namespace kvsift
