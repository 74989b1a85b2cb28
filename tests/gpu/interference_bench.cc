// What a large ingest does to selections on the same device: the p50 and p99 of selections from one
// sequence, by themselves and while another thread writes raw fp16 keys in chunks, in turn.
//
//   kvsift_interference_bench [--backend cuda] [--ingest-mib 1024] [--chunk-mib 16] [--rounds 5]
//                             [--max-ratio 2] [--json FILE]
//
// Exits with 1 if the p99 beside the ingest is more than --max-ratio times that without.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "nlohmann/json.hpp"
#include "tests/gpu/named_backend.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {
namespace {

using Clock = std::chrono::steady_clock;

constexpr StoreShape kShape = {
    .layers = 1, .kv_heads = 8, .query_heads = 64, .head_dim = 128, .key_bits = 2};
constexpr int kPagePositions = 256;
constexpr int64_t kRawBytes = int64_t{2} * kShape.kv_heads * kShape.head_dim;  // of a position
constexpr int kChunksInFlight = 2;

struct Options {
  std::string backend = "cuda";
  int64_t positions = 32768;
  int32_t k = 256;
  int64_t ingest_mib = 1024;
  int64_t chunk_mib = 16;
  int rounds = 5;
  double max_ratio = 0;  // 0: never fails
  std::string json;

  int64_t chunk_positions() const { return (chunk_mib << 20) / kRawBytes; }
  int64_t chunks() const { return ingest_mib / chunk_mib; }
};

// Waits without giving the processor up for longer than a yield, as a server's thread would.
class Done final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status status) override {
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      std::exit(1);
    }
    done_.store(true, std::memory_order_release);
  }
  void Wait() {
    while (!done_.load(std::memory_order_acquire)) std::this_thread::yield();
    done_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> done_ = false;
};

// One backend with the sequence that is selected from and the one that is written.
class Rig {
 public:
  explicit Rig(const Options& options)
      : options_(options), threads_(static_cast<int>(std::thread::hardware_concurrency())) {
    const int64_t written = options.chunks() * options.chunk_positions();
    const int64_t pages = layout_.PagesFor(options.positions) + layout_.PagesFor(written);
    backend_ = MakeNamedBackend(options.backend, pages * layout_.page_bytes, threads_);
    store_ = *backend_->CreateStore(RandomFormat(random_, kShape), layout_);
    selected_ = MakeTable(options.positions);
    written_ = MakeTable(written);
    WriteCodes();
    queries_ = RandomQueryCodes(random_, kShape, Policy().estimator, 1);
    positions_.resize(static_cast<size_t>(kShape.query_heads * options.k));
    counts_.resize(kShape.query_heads);
    raw_ = RandomRaw(random_, kShape.head_dim, kShape.kv_heads * 64, ElementType::kFloat16,
                     RawKind::kOrdinary);
    const std::vector<std::byte> some = raw_.bytes;
    raw_.bytes.resize(static_cast<size_t>(options.chunk_positions() * kRawBytes));
    for (size_t i = 0; i < raw_.bytes.size(); ++i) raw_.bytes[i] = some[i % some.size()];
  }

  // Microseconds of one selection from Submit to its observer.
  double Select() {
    Batch batch;
    batch.selections.push_back({.store = store_.get(),
                                .table = selected_.get(),
                                .policy = {.k = options_.k},
                                .queries = {.bytes = queries_.bytes, .raw = {}},
                                .query_scales = queries_.scales,
                                .visible = visible_,
                                .row_width = options_.k,
                                .positions = positions_.data(),
                                .counts = counts_.data()});
    Done done;
    const auto begin = Clock::now();
    backend_->Submit(batch, done);
    done.Wait();
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }

  // Writes all chunks, a few in flight, and returns the seconds it took.
  double Ingest() {
    const auto begin = Clock::now();
    Batch batches[kChunksInFlight];
    Done done[kChunksInFlight];
    for (int64_t chunk = 0; chunk < options_.chunks() + kChunksInFlight; ++chunk) {
      const auto slot = static_cast<size_t>(chunk % kChunksInFlight);
      if (chunk >= kChunksInFlight) done[slot].Wait();
      if (chunk >= options_.chunks()) continue;
      batches[slot] = {};
      batches[slot].writes.push_back({.store = store_.get(),
                                      .table = written_.get(),
                                      .start = chunk * options_.chunk_positions(),
                                      .count = options_.chunk_positions(),
                                      .keys = {.bytes = raw_.bytes, .raw = raw_.raw}});
      backend_->Submit(batches[slot], done[slot]);
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  void Run(const Batch& batch) {
    Done done;
    backend_->Submit(batch, done);
    done.Wait();
  }

  // A table with pages for `positions` positions.
  std::unique_ptr<PageTable> MakeTable(int64_t positions) {
    auto table = backend_->CreatePageTable(*store_);
    std::vector<PageAddress> pages(static_cast<size_t>(layout_.PagesFor(positions)));
    for (PageAddress& page : pages) {
      page = next_page_;
      next_page_ += static_cast<PageAddress>(layout_.page_bytes);
    }
    Batch batch;
    batch.table_edits.push_back({.table = table.get(), .first = 0, .pages = pages});
    Run(batch);
    return table;
  }

  void WriteCodes() {
    const TestVectors codes = RandomKeyCodes(random_, kShape, options_.positions);
    Batch batch;
    batch.writes.push_back({.store = store_.get(),
                            .table = selected_.get(),
                            .count = options_.positions,
                            .keys = {.bytes = codes.bytes, .raw = {}}});
    Run(batch);
  }

  const Options& options_;
  Random random_{1};
  BackendThreads threads_;
  const PageLayout layout_ = MakePageLayout(kShape, kPagePositions);
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BackendStore> store_;
  std::unique_ptr<PageTable> selected_;
  std::unique_ptr<PageTable> written_;
  PageAddress next_page_ = 0;
  TestVectors queries_;
  TestVectors raw_;
  const std::vector<int64_t> visible_{options_.positions};
  std::vector<int32_t> positions_;
  std::vector<int32_t> counts_;
};

struct Result {
  std::vector<double> alone_us;
  std::vector<double> beside_us;
  std::vector<double> ingest_seconds;
};

double Quantile(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(quantile * static_cast<double>(values.size() - 1))];
}

// Rounds of as many selections alone as there were beside the ingest.
Result Measure(const Options& options) {
  Rig rig(options);
  for (int i = 0; i < 100; ++i) rig.Select();
  rig.Ingest();
  Result result;
  for (int round = 0; round < options.rounds; ++round) {
    std::atomic<bool> is_running = true;
    double seconds = 0;
    std::thread writer([&] {
      seconds = rig.Ingest();
      is_running = false;
    });
    size_t selections = 0;
    do {
      result.beside_us.push_back(rig.Select());
      ++selections;
    } while (is_running);
    writer.join();
    result.ingest_seconds.push_back(seconds);
    for (; selections > 0; --selections) result.alone_us.push_back(rig.Select());
  }
  return result;
}

// Prints the table, writes the JSON, and returns the ratio of the p99.
double Report(const Options& options, const Result& result) {
  const double alone_p99 = Quantile(result.alone_us, .99);
  const double beside_p99 = Quantile(result.beside_us, .99);
  const double ratio = beside_p99 / alone_p99;
  const double gigabytes = static_cast<double>(options.chunks() * options.chunk_mib << 20) * 1e-9;
  const double ingest = gigabytes / Quantile(result.ingest_seconds, .5);
  const nlohmann::ordered_json json = {{"backend", options.backend},
                                       {"positions", options.positions},
                                       {"selections", result.beside_us.size()},
                                       {"chunk_mib", options.chunk_mib},
                                       {"ingest_gb_per_s", ingest},
                                       {"alone_p50_us", Quantile(result.alone_us, .5)},
                                       {"alone_p99_us", alone_p99},
                                       {"beside_p50_us", Quantile(result.beside_us, .5)},
                                       {"beside_p99_us", beside_p99},
                                       {"p99_ratio", ratio}};
  std::printf("8 kv heads x %lld keys, 8 query heads each, k %d, %zu selections\n",
              static_cast<long long>(options.positions), options.k, result.beside_us.size());
  std::printf("alone                      p50 %9.1f us  p99 %9.1f us\n",
              Quantile(result.alone_us, .5), alone_p99);
  std::printf("beside ingest at %4.1f GB/s p50 %9.1f us  p99 %9.1f us\n", ingest,
              Quantile(result.beside_us, .5), beside_p99);
  std::printf("ratio of p99 %.2f (goal: at most 2)\n", ratio);
  if (!options.json.empty()) std::ofstream(options.json) << json.dump(1) << "\n";
  return ratio;
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  kvsift::Options options;
  CLI::App app("Selections beside an ingest of raw keys");
  app.add_option("--backend", options.backend, "cuda, cpu or reference");
  app.add_option("--positions", options.positions)->check(CLI::PositiveNumber);
  app.add_option("--k", options.k)->check(CLI::PositiveNumber);
  app.add_option("--ingest-mib", options.ingest_mib)->check(CLI::PositiveNumber);
  app.add_option("--chunk-mib", options.chunk_mib)->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds)->check(CLI::PositiveNumber);
  app.add_option("--max-ratio", options.max_ratio, "Exit code 1 above this ratio of the p99");
  app.add_option("--json", options.json, "File that gets the result");
  CLI11_PARSE(app, argc, argv);
  const double ratio = kvsift::Report(options, kvsift::Measure(options));
  return options.max_ratio > 0 && ratio > options.max_ratio ? 1 : 0;
}
