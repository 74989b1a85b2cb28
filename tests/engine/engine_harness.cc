#include "tests/engine/engine_harness.h"

#include <algorithm>
#include <span>
#include <utility>

#include "gtest/gtest.h"
#include "kernels/backends.h"
#include "kernels/encode/wire_codes.h"
#include "kernels/reference/reference_backend.h"
#include "tests/kernels/backends_under_test.h"

namespace kvsift {
namespace {

constexpr int kPositionsPerPage = 64;

std::unique_ptr<Backend> MakeBackend(const std::string& name, int64_t memory_bytes, uint32_t seed,
                                     EngineUnderTest& test) {
  if (name == "remote") {
    auto remote =
        CreateRemoteBackend({.memory_bytes = memory_bytes, .seed = seed, .on_violation = {}});
    test.remote = remote.get();
    return remote;
  }
  return MakeBackendUnderTest(name, memory_bytes, *test.pool);
}

class Ignore final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status) override {}
};

}  // namespace

StoreConfig SmallConfig() {
  StoreConfig config;
  config.name = std::string("s");
  config.layer_ids = {3, 7};
  config.shape = {.layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  config.key_scales = {1.0f, 2.0f, 0.5f, 3.0f};
  return config;
}

std::vector<std::string> EngineBackends() {
  std::vector<std::string> names = BackendsUnderTest();
  names.emplace_back("remote");
  return names;
}

EngineUnderTest::EngineUnderTest(const std::string& backend, int64_t memory_bytes,
                                 const StoreConfig& config, EngineLimits limits, uint32_t seed,
                                 int threads)
    // Those that are asked for, and those for a GPU's completions.
    : pool(std::make_unique<ThreadPool>(backend == "cuda" ? threads + kCompletionThreads
                                                          : threads)) {
  EngineOptions options;
  options.backends.push_back(MakeBackend(backend, memory_bytes, seed, *this));
  options.limits = limits;
  engine = std::make_unique<Engine>(std::move(options));
  EXPECT_TRUE(engine->CreateStore(config).ok());
}

Bytes RandomKeys(std::mt19937& random, int64_t count) {
  Bytes keys(static_cast<size_t>(count * kSmallKeyBytes));
  for (std::byte& byte : keys) byte = static_cast<std::byte>(random());
  return keys;
}

Queries RandomQueries(std::mt19937& random, Estimator estimator, int64_t tokens) {
  const StoreShape shape = SmallConfig().shape;
  const int planes = QueryPlanes(estimator, shape.key_bits);
  const int64_t code_bytes = CodeBytes(shape.head_dim, planes);
  Queries queries;
  queries.codes.resize(static_cast<size_t>(tokens * shape.query_heads * code_bytes));
  std::vector<int8_t> values(static_cast<size_t>(shape.padded_dim()));
  for (int64_t i = 0; i < tokens * shape.query_heads; ++i) {
    for (int8_t& value : values) {
      value = HasQueryScales(estimator)
                  ? static_cast<int8_t>(static_cast<int>(random() % 15) - kFineQueryMax)
                  : static_cast<int8_t>(random() % KeyLevels(shape.key_bits));
    }
    PackPlanes(values, planes, queries.codes.data() + i * code_bytes);
    if (HasQueryScales(estimator)) {
      queries.scales.push_back(0.5f + static_cast<float>(random() % 8));
    }
  }
  return queries;
}

Bytes Slice(const Bytes& keys, int64_t from, int64_t to) {
  return {keys.begin() + from * kSmallKeyBytes, keys.begin() + to * kSmallKeyBytes};
}

Bytes Joined(const Bytes& a, const Bytes& b) {
  Bytes joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

StepOutcome Expected(const StoreConfig& config, int layer, const Bytes& keys, const Policy& policy,
                     const Queries& queries, const std::vector<int64_t>& visible,
                     int64_t row_width) {
  const StoreFormat format = MakeStoreFormat(config.shape, config.key_scales);
  const PageLayout layout = MakePageLayout(config.shape, kPositionsPerPage);
  const int64_t count = std::ssize(keys) / config.shape.key_bytes_per_position();
  std::vector<PageAddress> pages(static_cast<size_t>(layout.PagesFor(count)));
  for (size_t i = 0; i < pages.size(); ++i) pages[i] = i * layout.page_bytes;
  auto memory = ReservePageMemory(std::max<int64_t>(std::ssize(pages), 1) * layout.page_bytes);
  const auto backend = CreateReferenceBackend(*std::move(memory));
  const auto store = *backend->CreateStore(format, layout);
  const auto table = backend->CreatePageTable(*store);

  StepOutcome outcome;
  const int64_t rows = std::ssize(visible) * RowsPerToken(policy.grouping, config.shape);
  outcome.shape = {.rows = rows, .width = row_width};
  outcome.positions.resize(rows * row_width);
  outcome.counts.resize(rows);
  const bool scored = policy.grouping == Grouping::kHead;
  outcome.scores.resize(rows * row_width);
  Batch batch;
  batch.table_edits.push_back({.table = table.get(), .first = 0, .pages = pages});
  if (count > 0) {
    batch.writes.push_back({.store = store.get(),
                            .table = table.get(),
                            .layer = layer,
                            .start = 0,
                            .count = count,
                            .keys = {.bytes = keys, .raw = {}}});
  }
  batch.selections.push_back({.store = store.get(),
                              .table = table.get(),
                              .layer = layer,
                              .policy = policy,
                              .queries = {.bytes = queries.codes, .raw = {}},
                              .query_scales = queries.scales,
                              .visible = visible,
                              .row_width = row_width,
                              .positions = outcome.positions.data(),
                              .counts = outcome.counts.data(),
                              .scores = scored ? outcome.scores.data() : nullptr});
  Ignore observer;
  backend->Submit(batch, observer);
  return outcome;
}

}  // namespace kvsift
