// A device error is for good: the batch that meets it and all later ones end with UNAVAILABLE and
// the error's name, and nothing is answered. A program of its own, because the process has no
// usable GPU afterwards: no other test could run.
#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/backends.h"
#include "tests/kernels/contract/scattering_executor.h"
#include "tests/kernels/cuda/device_trap.h"

namespace kvsift {
namespace {

using testing::Each;
using testing::HasSubstr;

constexpr int32_t kUntouched = 12345;
constexpr StoreShape kShape = {
    .layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = 64, .key_bits = 2};

class Waiter final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status status) override {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    done_ = true;
    changed_.notify_one();
  }

  absl::Status Run(Backend& backend, const Batch& batch) {
    backend.Submit(batch, *this);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
    done_ = false;
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  absl::Status status_;
};

TEST(CudaFault, ATrapIsForGood) {
  ScatteringExecutor executor(kCompletionThreads, 1);
  const auto created = CreateBackend(
      "cuda", {.memory_bytes = int64_t{1} << 20, .executor = &executor, .completions = &executor});
  if (!created.ok()) {
    const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
    if (required != nullptr && std::string_view(required) == "cuda") FAIL() << created.status();
    GTEST_SKIP() << created.status();
  }
  const std::unique_ptr<Backend>& backend = *created;
  const PageLayout layout = MakePageLayout(kShape, 64);
  const auto store = *backend->CreateStore(MakeStoreFormat(kShape, {}), layout);
  const auto table = backend->CreatePageTable(*store);
  const std::vector<PageAddress> pages = {0};
  const std::vector<std::byte> keys(static_cast<size_t>(64 * kShape.key_bytes_per_position()));
  Waiter waiter;
  Batch fill;
  fill.table_edits.push_back({.table = table.get(), .first = 0, .pages = pages});
  fill.writes.push_back({.store = store.get(),
                         .table = table.get(),
                         .layer = 0,
                         .start = 0,
                         .count = 64,
                         .keys = {.bytes = keys, .raw = {}}});
  ASSERT_TRUE(waiter.Run(*backend, fill).ok());

  const std::vector<std::byte> query(16);
  const std::array<int64_t, 1> visible = {64};
  std::vector<int32_t> positions(4, kUntouched);
  std::vector<int32_t> counts(1, kUntouched);
  Batch select;
  select.selections.push_back({.store = store.get(),
                               .table = table.get(),
                               .layer = 0,
                               .policy = {.k = 4, .estimator = Estimator::kManhattan},
                               .queries = {.bytes = query, .raw = {}},
                               .query_scales = {},
                               .visible = visible,
                               .row_width = 4,
                               .positions = positions.data(),
                               .counts = counts.data()});
  ASSERT_TRUE(waiter.Run(*backend, select).ok());
  EXPECT_EQ(counts[0], 4);

  cuda::TrapDeviceForTest();
  positions.assign(4, kUntouched);
  counts.assign(1, kUntouched);
  const absl::Status first = waiter.Run(*backend, select);
  EXPECT_EQ(first.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(first.message()), HasSubstr("CUDA device 0: device error cudaError"));
  EXPECT_EQ(waiter.Run(*backend, fill), first);
  EXPECT_EQ(waiter.Run(*backend, select), first);
  EXPECT_EQ(backend->CreateStore(MakeStoreFormat(kShape, {}), layout).status(), first);
  EXPECT_THAT(positions, Each(kUntouched));
  EXPECT_THAT(counts, Each(kUntouched));
}

}  // namespace
}  // namespace kvsift
