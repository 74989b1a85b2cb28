#include "tests/engine/failing_backend.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace kvsift {
namespace {

void Scribble(const Batch& batch) {
  for (const Selection& selection : batch.selections) {
    const int64_t rows = std::ssize(selection.visible) *
                         RowsPerToken(selection.policy.grouping, {.kv_heads = 1, .query_heads = 1});
    std::fill_n(selection.positions, rows * selection.row_width, 0);
    std::fill_n(selection.counts, rows, 1);
  }
}

class FailingBackend final : public Backend {
 public:
  FailingBackend(std::unique_ptr<Backend> inner, std::function<bool(const Batch&)> fails)
      : inner_(std::move(inner)), fails_(std::move(fails)) {}

  const BackendInfo& info() const override { return inner_->info(); }
  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    if (has_failed_) return Failure();
    return inner_->CreateStore(format, layout);
  }
  std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) override {
    return inner_->CreatePageTable(store);
  }
  void Discard(PageAddress address, int64_t bytes) override { inner_->Discard(address, bytes); }

  void Submit(const Batch& batch, BatchObserver& observer) override {
    if (!has_failed_ && fails_(batch)) has_failed_ = true;
    if (!has_failed_) return inner_->Submit(batch, observer);
    Scribble(batch);
    observer.OnBatchDone(batch, Failure());
  }

 private:
  static absl::Status Failure() { return absl::UnavailableError("device error cudaErrorTest"); }

  const std::unique_ptr<Backend> inner_;
  const std::function<bool(const Batch&)> fails_;
  std::atomic<bool> has_failed_ = false;
};

}  // namespace

std::unique_ptr<Backend> CreateFailingBackend(std::unique_ptr<Backend> inner,
                                              std::function<bool(const Batch&)> fails) {
  return std::make_unique<FailingBackend>(std::move(inner), std::move(fails));
}

bool HasSelections(const Batch& batch) { return !batch.selections.empty(); }

}  // namespace kvsift
