#include "tests/engine/failing_backend.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "tests/engine/forwarding_backend.h"

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

class FailingBackend final : public ForwardingBackend {
 public:
  FailingBackend(std::unique_ptr<Backend> inner, std::function<bool(const Batch&)> fails)
      : ForwardingBackend(std::move(inner)), fails_(std::move(fails)) {}

  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    if (has_failed_) return Failure();
    return ForwardingBackend::CreateStore(format, layout);
  }

  void Submit(const Batch& batch, BatchObserver& observer) override {
    if (!has_failed_ && fails_(batch)) has_failed_ = true;
    if (!has_failed_) return ForwardingBackend::Submit(batch, observer);
    Scribble(batch);
    observer.OnBatchDone(batch, Failure());
  }

 private:
  static absl::Status Failure() { return absl::UnavailableError("device error cudaErrorTest"); }

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
