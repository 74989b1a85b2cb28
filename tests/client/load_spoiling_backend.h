// A backend that now and then selects another position than the right one.
#ifndef KVSIFT_TESTS_CLIENT_LOAD_SPOILING_BACKEND_H_
#define KVSIFT_TESTS_CLIENT_LOAD_SPOILING_BACKEND_H_

#include <atomic>
#include <memory>
#include <utility>

#include "tests/engine/forwarding_backend.h"

namespace kvsift {

// Spoils the first row of every `period`th selection so that its form stays right: the first
// position that has a free neighbour before it is moved there.
class SpoilingBackend final : public ForwardingBackend {
 public:
  SpoilingBackend(std::unique_ptr<Backend> inner, int period)
      : ForwardingBackend(std::move(inner)), period_(period) {}

  void Submit(const Batch& batch, BatchObserver& observer) override {
    ForwardingBackend::Submit(batch, *new Spoiler(*this, observer));
  }

 private:
  class Spoiler final : public BatchObserver {
   public:
    Spoiler(SpoilingBackend& backend, BatchObserver& observer)
        : backend_(backend), observer_(observer) {}
    void OnBatchDone(const Batch& batch, absl::Status status) override {
      for (const Selection& selection : batch.selections) backend_.Spoil(selection);
      observer_.OnBatchDone(batch, std::move(status));
      delete this;
    }

   private:
    SpoilingBackend& backend_;
    BatchObserver& observer_;
  };

  void Spoil(const Selection& selection) {
    if (++selections_ % period_ != 0) return;
    int32_t last = -1;
    for (int32_t i = 0; i < selection.counts[0]; ++i) {
      if (selection.positions[i] > last + 1) {
        --selection.positions[i];
        return;
      }
      last = selection.positions[i];
    }
  }

  const int period_;
  std::atomic<int> selections_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_LOAD_SPOILING_BACKEND_H_
