// A backend whose batches complete when the test says so, one by one.
#ifndef KVSIFT_TESTS_ENGINE_MANUAL_BACKEND_H_
#define KVSIFT_TESTS_ENGINE_MANUAL_BACKEND_H_

#include <cstdint>
#include <deque>

#include "gtest/gtest.h"
#include "kernels/reference/reference_backend.h"
#include "tests/engine/forwarding_backend.h"

namespace kvsift {

// Computes as the reference does. For tests of one thread.
class ManualBackend final : public ForwardingBackend {
 public:
  // `pace` is what the engine cuts work by; unless it is not shared, it passes for a GPU.
  ManualBackend(int64_t memory_bytes, Pace pace, DeviceSharing sharing = DeviceSharing::kMps)
      : ForwardingBackend(CreateReferenceBackend(*ReservePageMemory(memory_bytes)),
                          {.name = "manual",
                           .description = "",
                           .memory_bytes = memory_bytes,
                           .sharing = sharing,
                           .pace = pace}) {}

  void Submit(const Batch& batch, BatchObserver& observer) override {
    submitted_.push_back({&batch, &observer});
  }

  // Batches that wait to be completed, the first to be submitted first.
  int64_t waiting() const { return std::ssize(submitted_); }
  const Batch& batch(int64_t index) const { return *submitted_[index].batch; }

  // Executes one; what the engine submits thereupon waits behind the others.
  void Complete(int64_t index) {
    ASSERT_LT(index, waiting());
    const auto [batch, observer] = submitted_[index];
    submitted_.erase(submitted_.begin() + index);
    ForwardingBackend::Submit(*batch, *observer);
  }
  void CompleteOne() { Complete(0); }
  void CompleteAll() {
    while (waiting() > 0) CompleteOne();
  }

 private:
  struct Submitted {
    const Batch* batch;
    BatchObserver* observer;
  };

  std::deque<Submitted> submitted_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_MANUAL_BACKEND_H_
