#include "tests/kernels/cuda/call_bench.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/cuda/cuda_backend.h"
#include "tests/kernels/cuda/check.h"

namespace kvsift::cuda {
namespace {

// One thread per job, which is all that the backend asks for.
class JobThreads final : public Executor {
 public:
  int concurrency() const override { return 1; }
  void Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) override {
    threads_.emplace_back([count, task = std::move(task), done = std::move(done)] {
      for (int64_t i = 0; i < count; ++i) task(i);
      done();
    });
  }

 private:
  std::vector<std::jthread> threads_;
};

// Remembers that a batch is done.
class Flag final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status status) override {
    Check(status);
    done.store(true, std::memory_order_release);
  }
  std::atomic<bool> done = false;
};

}  // namespace

void RunCall(int64_t keys) {
  JobThreads completions;
  auto backend = CreateCudaBackend({.memory_bytes = int64_t{256} << 20}, completions);
  Check(backend.status());
  const StoreShape shape{
      .layers = 1, .kv_heads = 8, .query_heads = 32, .head_dim = 128, .key_bits = 2};
  const PageLayout layout = MakePageLayout(shape, kPagePositions);
  auto store = (*backend)->CreateStore(MakeStoreFormat(shape, {}), layout);
  Check(store.status());
  const auto table = (*backend)->CreatePageTable(**store);
  std::vector<PageAddress> pages;
  for (int64_t p = 0; p < layout.PagesFor(keys); ++p) {
    pages.push_back(static_cast<PageAddress>(p * layout.page_bytes));
  }
  std::mt19937 random(1);
  std::vector<uint32_t> codes(static_cast<size_t>(keys * 8 * 8));
  for (uint32_t& word : codes) word = random();
  std::vector<uint32_t> queries(32 * 16);
  for (uint32_t& word : queries) word = random();
  const std::vector<float> scales(32, 1.0f);
  const std::vector<int64_t> visible{keys};
  std::vector<int32_t> positions(32 * 256);
  std::vector<int32_t> counts(32);
  Batch batch;
  batch.table_edits.push_back({.table = table.get(), .first = 0, .pages = pages});
  batch.writes.push_back({.store = store->get(),
                          .table = table.get(),
                          .count = keys,
                          .keys = {.bytes = std::as_bytes(std::span(codes)), .raw = {}}});
  std::vector<double> times;
  for (int i = 0; i < 2000; ++i) {
    Flag flag;
    const auto begin = std::chrono::steady_clock::now();
    (*backend)->Submit(batch, flag);
    while (!flag.done.load(std::memory_order_acquire)) {
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    if (i > 100) times.push_back(took.count());
    batch = {};
    batch.selections.push_back({.store = store->get(),
                                .table = table.get(),
                                .policy = {.k = 256},
                                .queries = {.bytes = std::as_bytes(std::span(queries)), .raw = {}},
                                .query_scales = scales,
                                .visible = visible,
                                .row_width = 256,
                                .positions = positions.data(),
                                .counts = counts.data()});
  }
  std::sort(times.begin(), times.end());
  std::printf("one call, 8 kv heads x %lld keys, 4 query heads each: p50 %.1f p99 %.1f us\n",
              static_cast<long long>(keys), times[times.size() / 2],
              times[times.size() * 99 / 100]);
}

}  // namespace kvsift::cuda
