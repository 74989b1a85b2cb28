// Base of test backends that change one thing about another backend.
#ifndef KVSIFT_TESTS_ENGINE_FORWARDING_BACKEND_H_
#define KVSIFT_TESTS_ENGINE_FORWARDING_BACKEND_H_

#include <memory>
#include <utility>

#include "kernels/backend.h"

namespace kvsift {

// Everything is the inner backend's, but for what it is said to be. Thread-safe.
class ForwardingBackend : public Backend {
 public:
  explicit ForwardingBackend(std::unique_ptr<Backend> inner)
      : inner_(std::move(inner)), info_(inner_->info()) {}
  ForwardingBackend(std::unique_ptr<Backend> inner, BackendInfo info)
      : inner_(std::move(inner)), info_(std::move(info)) {}

  const BackendInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    return inner_->CreateStore(format, layout);
  }
  std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) override {
    return inner_->CreatePageTable(store);
  }
  absl::Status Provide(PageAddress address, int64_t bytes) override {
    return inner_->Provide(address, bytes);
  }
  void Discard(PageAddress address, int64_t bytes) override { inner_->Discard(address, bytes); }
  void Submit(const Batch& batch, BatchObserver& observer) override {
    inner_->Submit(batch, observer);
  }

 private:
  const std::unique_ptr<Backend> inner_;
  const BackendInfo info_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_FORWARDING_BACKEND_H_
