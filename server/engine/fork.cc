#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/entry_status.h"
#include "server/engine/lifecycle.h"
#include "server/engine/lifecycle_work.h"
#include "server/engine/page_pool.h"

namespace kvsift {
namespace {

// Reads the parent and writes the child, until the device has the child's page table.
class ForkWork final : public LifecycleWork {
 public:
  ForkWork(std::shared_ptr<Store> store, uint64_t parent, uint64_t child,
           std::optional<uint64_t> expected_epoch, int64_t length,
           std::function<void(MutationResult)> done)
      : LifecycleWork(std::move(store), std::move(done)),
        expected_epoch_(expected_epoch),
        origin_{.parent = parent, .length = length} {
    AddTurn(child, Access::kWrite);
    if (parent != child) AddTurn(parent, Access::kRead);
  }

  Progress Advance(PagePool& pool, BatchDraft& draft) override {
    if (child_ != nullptr) return EndCopy(pool);
    const Sequence* parent = turns().back().slot->sequence.get();
    absl::Status status = CheckEpoch(expected_epoch_, parent);
    if (!status.ok()) return End(std::move(status), parent);
    if (origin_.length < 0) return End(NegativeLength(origin_.length), nullptr);
    if (const Sequence* child = slot().sequence.get(); child != nullptr) {
      return child->origin == origin_ ? End(absl::OkStatus(), child) : End(Taken(), child);
    }
    if (parent == nullptr) return End(UnknownSequence(origin_.parent), nullptr);
    return Share(*parent, pool, draft.batch);
  }

 private:
  SequenceSlot& slot() { return *turns().front().slot; }

  absl::Status Taken() {
    return absl::AlreadyExistsError(absl::StrCat("child_id: ", slot().id, ", expected a new id or ",
                                                 "the unchanged fork of ", origin_.parent, " at ",
                                                 origin_.length));
  }

  // The child holds its references from now on, so that nobody writes to the pages.
  Progress Share(const Sequence& parent, PagePool& pool, Batch& batch) {
    child_ = store().NewSequence();
    for (size_t i = 0; i < parent.lengths.size(); ++i) {
      child_->lengths[i] = std::min(parent.lengths[i], origin_.length);
    }
    const int64_t pages = store().layout().PagesFor(child_->LongestLayer());
    child_->pages.assign(parent.pages.begin(), parent.pages.begin() + pages);
    for (const PageAddress page : child_->pages) pool.Share(page);
    child_->table_entries = pages;
    child_->origin = origin_;
    if (pages == 0) return EndCopy(pool);
    batch.table_edits.push_back({.table = child_->table.get(), .first = 0, .pages = child_->pages});
    return Progress::kLast;
  }

  Progress EndCopy(PagePool& pool) {
    if (batch_status().ok()) {
      store().Publish(slot(), std::move(child_));
      return End(absl::OkStatus(), slot().sequence.get());
    }
    for (const PageAddress page : child_->pages) pool.Drop(page);
    child_.reset();
    return End(batch_status(), nullptr);
  }

  const std::optional<uint64_t> expected_epoch_;
  const ForkOrigin origin_;
  std::unique_ptr<Sequence> child_;  // until it is published
};

}  // namespace

void StartFork(std::shared_ptr<Store> store, uint64_t parent, uint64_t child,
               std::optional<uint64_t> expected_epoch, int64_t length,
               std::function<void(MutationResult)> done) {
  LifecycleWork::Start(std::make_unique<ForkWork>(std::move(store), parent, child, expected_epoch,
                                                  length, std::move(done)));
}

}  // namespace kvsift
