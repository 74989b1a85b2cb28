#include "tests/kernels/cuda/call_bench.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/cuda/cuda_backend.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/gaussian_queries.h"

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

// A backend with one sequence of 8 kv heads, and the selection that is asked of it.
class Call {
 public:
  Call(int64_t keys, const CrossingTuning& crossing) : visible_{keys} {
    auto backend =
        CreateCudaBackend({.memory_bytes = int64_t{256} << 20, .crossing = crossing}, completions_);
    Check(backend.status());
    backend_ = *std::move(backend);
    auto store = backend_->CreateStore(MakeStoreFormat(kShape, {}), layout_);
    Check(store.status());
    store_ = *std::move(store);
    table_ = backend_->CreatePageTable(*store_);
    Fill(keys);
    select_.selections.push_back(
        {.store = store_.get(),
         .table = table_.get(),
         .policy = {.k = kBest},
         .queries = {.bytes = std::as_bytes(std::span(queries_)), .raw = {}},
         .query_scales = scales_,
         .visible = visible_,
         .row_width = kBest,
         .positions = positions_.data(),
         .counts = counts_.data()});
  }

  // Microseconds from Submit to the observer.
  double Select() { return Run(select_); }

 private:
  static constexpr StoreShape kShape = {
      .layers = 1, .kv_heads = 8, .query_heads = 32, .head_dim = 128, .key_bits = 2};
  static constexpr int kBest = 256;

  double Run(const Batch& batch) {
    Flag flag;
    const auto begin = std::chrono::steady_clock::now();
    backend_->Submit(batch, flag);
    while (!flag.done.load(std::memory_order_acquire)) {
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    return took.count();
  }

  void Fill(int64_t keys) {
    std::vector<PageAddress> pages;
    for (int64_t p = 0; p < layout_.PagesFor(keys); ++p) {
      pages.push_back(static_cast<PageAddress>(p * layout_.page_bytes));
    }
    std::vector<uint32_t> codes(static_cast<size_t>(keys * kShape.kv_heads * 8));
    for (uint32_t& word : codes) word = random_();
    Batch batch;
    batch.table_edits.push_back({.table = table_.get(), .first = 0, .pages = pages});
    batch.writes.push_back({.store = store_.get(),
                            .table = table_.get(),
                            .count = keys,
                            .keys = {.bytes = std::as_bytes(std::span(codes)), .raw = {}}});
    Run(batch);
  }

  JobThreads completions_;
  std::mt19937 random_{1};
  const PageLayout layout_ = MakePageLayout(kShape, kPagePositions);
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BackendStore> store_;
  std::unique_ptr<PageTable> table_;
  const std::vector<uint32_t> queries_ =
      GaussianQueries(kShape, Estimator::kAsymmetricDot, kShape.query_heads);
  const std::vector<float> scales_ = std::vector<float>(32, 1.0f);
  const std::vector<int64_t> visible_;
  std::vector<int32_t> positions_ = std::vector<int32_t>(32 * kBest);
  std::vector<int32_t> counts_ = std::vector<int32_t>(32);
  Batch select_;
};

// What the calling thread does between two calls. A server's does all of this: it sleeps until the
// next request, whose way through gRPC takes the caches.
enum class Between { kNothing, kStaysAwake, kSleeps, kUsesCaches };

constexpr std::chrono::microseconds kPause{100};

// Waits for kPause, after which the caches of this processor hold other data for kUsesCaches.
void Pause(Between between, std::span<char> other_data) {
  if (between == Between::kNothing) return;
  const auto until = std::chrono::steady_clock::now() + kPause;
  if (between == Between::kSleeps) return std::this_thread::sleep_until(until);
  if (between == Between::kUsesCaches) {
    for (size_t i = 0; i < other_data.size(); i += 64) ++other_data[i];
  }
  while (std::chrono::steady_clock::now() < until) {
  }
}

void RunWay(const char* name, int64_t keys, double device_us, const CrossingTuning& crossing,
            Between between = Between::kNothing) {
  Call call(keys, crossing);
  std::vector<char> other_data(size_t{4} << 20);
  std::vector<double> times;
  for (int i = 0; i < 5000; ++i) {
    Pause(between, other_data);
    const double us = call.Select();
    if (i >= 200) times.push_back(us);
  }
  std::sort(times.begin(), times.end());
  const double p50 = times[times.size() / 2];
  const double p99 = times[times.size() * 99 / 100];
  std::printf("  %-40s p50 %5.1f us, %5.1f beyond the device; p99 %5.1f us, %5.1f beyond\n", name,
              p50, p50 - device_us, p99, p99 - device_us);
}

}  // namespace

void RunCall(int64_t keys, double device_us) {
  std::printf("one call, 8 kv heads x %lld keys, 4 query heads each, %.1f us on the device\n",
              static_cast<long long>(keys), device_us);
  RunWay("as it is tuned", keys, device_us, {});
  RunWay("100 us after the last, thread awake", keys, device_us, {}, Between::kStaysAwake);
  RunWay("100 us after the last, thread asleep", keys, device_us, {}, Between::kSleeps);
  RunWay("100 us after the last, caches used", keys, device_us, {}, Between::kUsesCaches);
  RunWay("queries fetched, answers delivered", keys, device_us, {.queries_travel = false});
  RunWay("queries copied, answers delivered", keys, device_us,
         {.most_fetched_bytes = 0, .queries_travel = false});
  RunWay("queries and answers copied", keys, device_us,
         {.most_fetched_bytes = 0, .queries_travel = false, .most_delivered_bytes = 0});
}

}  // namespace kvsift::cuda
