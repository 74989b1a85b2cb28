#include "tests/engine/remote_backend.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/reference/reference_backend.h"
#include "server/engine/mutex.h"
#include "tests/engine/batch_checker.h"

namespace kvsift {
namespace {

constexpr std::byte kPoison{0xA5};
constexpr uint32_t kMostYields = 3;

void PrintAndAbort(const std::string& violation) {
  std::fprintf(stderr, "remote backend: %s\n", violation.c_str());
  std::abort();
}

// Pages that are dead hold poison.
class PoisonedMemory final : public PageMemory {
 public:
  explicit PoisonedMemory(int64_t bytes) : memory_(*ReservePageMemory(bytes)) {}
  std::byte* data() override { return memory_->data(); }
  int64_t bytes() const override { return memory_->bytes(); }
  void Discard(int64_t offset, int64_t bytes) override {
    std::fill_n(data() + offset, bytes, kPoison);
  }

 private:
  const std::unique_ptr<PageMemory> memory_;
};

// Computes by the book; tells when Submit returns.
class SilentObserver final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status) override {}
};

class RemoteBackendImpl;

class RemoteTable final : public PageTable {
 public:
  RemoteTable(RemoteBackendImpl& backend, std::unique_ptr<PageTable> its_table)
      : table(std::move(its_table)), backend_(backend) {}
  ~RemoteTable() override;
  const std::unique_ptr<PageTable> table;  // of the inner backend

 private:
  RemoteBackendImpl& backend_;
};

class RemoteBackendImpl final : public RemoteBackend {
 public:
  explicit RemoteBackendImpl(const RemoteOptions& options)
      : info_{.name = "remote",
              .description = "test backend: late, out of order, checked",
              .memory_bytes = options.memory_bytes},
        inner_(CreateReferenceBackend(std::make_unique<PoisonedMemory>(options.memory_bytes))),
        checker_(options.on_violation ? options.on_violation : PrintAndAbort),
        random_(options.seed) {
    for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~RemoteBackendImpl() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.SignalAll();
    for (std::thread& thread : threads_) thread.join();
  }

  const BackendInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    auto store = inner_->CreateStore(format, layout);
    MutexLock lock(mutex_);
    if (store.ok()) checker_.AddStore(store->get(), format, layout);
    return store;
  }

  std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) override {
    auto table = std::make_unique<RemoteTable>(*this, inner_->CreatePageTable(store));
    MutexLock lock(mutex_);
    checker_.AddTable(table.get(), &store);
    return table;
  }

  void RemoveTable(const PageTable* table) {
    MutexLock lock(mutex_);
    checker_.RemoveTable(table);
  }

  void Discard(PageAddress address, int64_t bytes) override {
    MutexLock lock(mutex_);
    checker_.Discard(address, bytes);
    inner_->Discard(address, bytes);
  }

  void Submit(const Batch& batch, BatchObserver& observer) override {
    {
      MutexLock lock(mutex_);
      checker_.Begin(batch);
      Flight flight{.batch = &batch, .observer = &observer, .lost = lost_ > 0, .executed = false};
      if (lost_ > 0) --lost_;
      auto& queue = held_if_ && held_if_(batch) ? held_ : flying_;
      queue.push_back(flight);
    }
    changed_.SignalOne();
  }

  void Hold(Predicate held) override {
    MutexLock lock(mutex_);
    held_if_ = std::move(held);
  }

  void Release() override {
    {
      MutexLock lock(mutex_);
      held_if_ = nullptr;
      flying_.insert(flying_.end(), held_.begin(), held_.end());
      held_.clear();
    }
    changed_.SignalAll();
  }

  int64_t held() const override {
    MutexLock lock(mutex_);
    return std::ssize(held_);
  }

  void Lose(int64_t batches) override {
    MutexLock lock(mutex_);
    lost_ = batches;
  }

  void LoseHeld() override {
    MutexLock lock(mutex_);
    for (Flight& flight : held_) flight.lost = true;
  }

 private:
  struct Flight {
    const Batch* batch = nullptr;
    BatchObserver* observer = nullptr;
    bool lost = false;
    bool executed = false;
  };

  // Takes a random batch one stage on: executes it, or tells its observer.
  void Work() {
    for (;;) {
      uint32_t yields = 0;
      Flight flight;
      {
        MutexLock lock(mutex_);
        while (flying_.empty() && !stopping_) changed_.Wait(mutex_);
        if (flying_.empty()) return;
        const size_t chosen = random_() % flying_.size();
        flight = flying_[chosen];
        flying_.erase(flying_.begin() + static_cast<int64_t>(chosen));
        yields = random_() % kMostYields;
      }
      for (uint32_t i = 0; i < yields; ++i) std::this_thread::yield();
      Advance(flight);
    }
  }

  void Advance(Flight flight) {
    if (flight.executed) return Tell(flight);
    MutexLock lock(mutex_);
    Execute(flight);
    flight.executed = true;
    flying_.push_back(flight);
    changed_.SignalOne();
  }

  void Tell(const Flight& flight) {
    {
      MutexLock lock(mutex_);
      checker_.End(*flight.batch, flight.lost);
    }
    flight.observer->OnBatchDone(*flight.batch, flight.lost
                                                    ? absl::UnavailableError("the device was lost")
                                                    : absl::OkStatus());
  }

  void Execute(const Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Batch batch = *flight.batch;
    const auto inner = [](const PageTable* table) {
      return static_cast<const RemoteTable*>(table)->table.get();
    };
    for (TableEdit& edit : batch.table_edits) edit.table = inner(edit.table);
    for (KeyWrite& write : batch.writes) write.table = inner(write.table);
    for (KeyRead& read : batch.reads) read.table = inner(read.table);
    for (Selection& selection : batch.selections) selection.table = inner(selection.table);
    if (flight.lost) Damage(batch);
    SilentObserver observer;
    if (!batch.empty()) inner_->Submit(batch, observer);
  }

  // Writes garbage instead of keys and gives no answers.
  void Damage(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    batch.reads.clear();
    batch.selections.clear();
    for (KeyWrite& write : batch.writes) {
      garbage_.resize(std::max(garbage_.size(), write.keys.bytes.size()), kPoison);
    }
    for (KeyWrite& write : batch.writes) {
      if (!write.keys.raw.has_value()) {
        write.keys.bytes = std::span(garbage_).first(write.keys.bytes.size());
      }
    }
  }

  const BackendInfo info_;
  const std::unique_ptr<Backend> inner_;
  mutable Mutex mutex_;
  CondVar changed_;
  BatchChecker checker_ ABSL_GUARDED_BY(mutex_);
  std::mt19937 random_ ABSL_GUARDED_BY(mutex_);
  Predicate held_if_ ABSL_GUARDED_BY(mutex_);
  std::vector<Flight> flying_ ABSL_GUARDED_BY(mutex_);
  std::vector<Flight> held_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::byte> garbage_;
  std::vector<std::thread> threads_;
};

RemoteTable::~RemoteTable() { backend_.RemoveTable(this); }

}  // namespace

std::unique_ptr<RemoteBackend> CreateRemoteBackend(const RemoteOptions& options) {
  return std::make_unique<RemoteBackendImpl>(options);
}

}  // namespace kvsift
