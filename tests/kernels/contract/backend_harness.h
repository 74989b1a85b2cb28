// Drives one backend as an engine would: owns its pages, page tables and buffers.
#ifndef KVSIFT_TESTS_KERNELS_CONTRACT_BACKEND_HARNESS_H_
#define KVSIFT_TESTS_KERNELS_CONTRACT_BACKEND_HARNESS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/backend.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {

// Page memory of every backend under test.
inline constexpr int64_t kTestMemoryBytes = int64_t{64} << 20;

struct SelectionRequest {
  int sequence = 0;
  int layer = 0;
  Policy policy;
  TestVectors queries;
  std::vector<int64_t> visible;  // [tokens]
  int64_t extra_width = 0;       // row_width beyond RowCapacity
};

// The answer of one selection. Scores are asked for exactly where they can be had.
struct Answer {
  std::vector<int32_t> positions;
  std::vector<int32_t> counts;
  std::vector<int32_t> scores;

  bool operator==(const Answer&) const = default;
};

// Everything that one batch gave back.
struct Outcome {
  absl::Status status;
  std::vector<std::vector<std::byte>> reads;
  std::vector<Answer> answers;
};

// A batch with the memory it borrows. Waiting for it checks that nothing was written beyond the
// answers. Must not be destroyed before Wait has returned.
class PendingBatch final : public BatchObserver {
 public:
  // Blocks until the backend is done.
  Outcome Wait();

  void OnBatchDone(const Batch& batch, absl::Status status) override;

  Batch batch;
  std::deque<std::vector<PageAddress>> pages;
  std::deque<TestVectors> vectors;
  std::deque<std::vector<int64_t>> visible;
  std::deque<std::vector<std::byte>> reads;
  std::deque<Answer> answers;  // each vector has guards at its end until Wait

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int calls_ = 0;
  absl::Status status_;
};

// Stores and sequences are numbered in the order they are added. Operations collect in a batch
// until Start or Run. Not thread-safe; batches in flight at once must not conflict.
class BackendHarness {
 public:
  // Page order is shuffled with `seed`.
  BackendHarness(std::unique_ptr<Backend> backend, uint32_t seed);

  int AddStore(const StoreFormat& format, int page_positions);
  int AddSequence(int store);

  // Writes keys at positions [start, start + count); the table gets the pages it lacks.
  void Write(int sequence, int layer, int64_t start, int64_t count, TestVectors keys);
  void Read(int sequence, int layer, int64_t start, int64_t count);
  void Select(SelectionRequest request);

  // Makes an empty `child` see the first `length` positions of `parent`: whole pages are shared,
  // a partly filled one is copied.
  void Fork(int parent, int child, int64_t length);

  // Gives the pages of positions >= length back, to be reused by any sequence of the store.
  // REQUIRES: no batch is collected or in flight that names them.
  void Truncate(int sequence, int64_t length);

  // What was collected, not submitted yet.
  std::unique_ptr<PendingBatch> Collect();
  std::unique_ptr<PendingBatch> Start();
  Outcome Run() { return Start()->Wait(); }

  Backend& backend() { return *backend_; }

 private:
  struct Store {
    StoreFormat format;
    PageLayout layout;
    std::unique_ptr<BackendStore> backend_store;
    std::vector<PageAddress> free_pages;
  };
  struct Sequence {
    size_t store;
    std::unique_ptr<PageTable> table;
    std::vector<PageAddress> pages;
    int64_t shared_pages = 0;  // the first pages belong to a parent
  };

  Store& StoreOf(const Sequence& sequence) { return stores_[sequence.store]; }
  PageAddress TakePage(Store& store);
  void EditTable(Sequence& sequence, int64_t first);

  std::unique_ptr<Backend> backend_;
  Random random_;
  std::deque<Store> stores_;
  std::deque<Sequence> sequences_;
  PageAddress next_region_ = 0;
  std::unique_ptr<PendingBatch> pending_ = std::make_unique<PendingBatch>();
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CONTRACT_BACKEND_HARNESS_H_
