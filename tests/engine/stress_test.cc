// Everything the queue can meet, for as long as is asked: clients that flood, cancel and set
// deadlines that pass, work that goes in pieces, and a queue that is often full. Every step is told
// exactly once, its answer is that of a prefix of its sequence's keys, and nothing is left behind.
//
// usage: engine_stress_test [--seconds N]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "tests/engine/engine_test.h"
#include "tests/engine/forwarding_backend.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using std::chrono::microseconds;

double seconds = 3;

constexpr int kClients = 6;
constexpr int kSequences = 4;
constexpr int64_t kKeys = 1500;

// A device so slow by its own account that most work goes in pieces.
class SlowlyPaced final : public ForwardingBackend {
 public:
  explicit SlowlyPaced(std::unique_ptr<Backend> inner)
      : ForwardingBackend(std::move(inner),
                          {.name = "paced",
                           .description = "",
                           .memory_bytes = kMemoryBytes,
                           .pace = {.key_bytes_per_us = 40, .scores_per_us = 8}}) {}

  static constexpr int64_t kMemoryBytes = int64_t{4} << 20;
};

std::unique_ptr<Backend> MakeInner(const std::string& name, Executor& executor) {
  if (name == "remote") {
    return CreateRemoteBackend(
        {.memory_bytes = SlowlyPaced::kMemoryBytes, .seed = 1, .on_violation = {}});
  }
  return *CreateCpuBackend(*ReservePageMemory(SlowlyPaced::kMemoryBytes), executor);
}

class Stress : public testing::TestWithParam<std::string> {
 protected:
  Stress() : keys_(RandomKeys(random_, kKeys)) {
    EngineOptions options;
    options.backends.push_back(std::make_unique<SlowlyPaced>(MakeInner(GetParam(), pool_)));
    options.limits.max_queued_requests = 8;
    options.limits.max_queued_bytes = 200'000;
    options.now = [] { return Clock::now(); };
    options.executor = &pool_;
    engine_ = std::make_unique<Engine>(std::move(options));
    EXPECT_TRUE(engine_->CreateStore(SmallConfig()).ok());
  }

  // One step under way, and what may become of it.
  struct Pending {
    std::unique_ptr<std::atomic<bool>> cancelled = std::make_unique<std::atomic<bool>>(false);
    std::unique_ptr<PendingStep> step;
    Queries queries;
    int64_t tokens = 0;
    int64_t keys = 0;  // from position 0 on
  };

  Pending StartRandom(uint64_t client, std::mt19937& random) {
    Pending pending;
    StepSpec spec{.layer_ids = {3}, .policies = {kPolicy}, .client = client};
    EntrySpec& entry = spec.entries.emplace_back();
    entry.id = random() % kSequences;
    const uint64_t kind = random() % 8;
    if (kind < 5) {
      // Who floods asks for what is not done at once, faster than it is done.
      pending.tokens = client == 0 ? kFloodTokens : kind == 0 ? 12 : 1;
      pending.queries = client == 0 ? flood_queries_
                                    : RandomQueries(random, Estimator::kManhattan, pending.tokens);
      entry.queries = pending.queries.codes;
      entry.tokens = pending.tokens;
    }
    if (kind >= 4) {
      // From the start, so that it is no gap whatever the sequence has gone through.
      pending.keys = kind == 4 ? 64 : 1 + static_cast<int64_t>(random() % kKeys);
      entry.keys = {Slice(keys_, 0, pending.keys)};
    }
    if (random() % 4 == 0) spec.deadline = Clock::now() + microseconds(random() % 3000);
    spec.cancelled = pending.cancelled.get();
    pending.step = std::make_unique<PendingStep>(*engine_, std::move(spec));
    return pending;
  }

  // True if the outcome is one that may be.
  bool IsRight(const Pending& pending, const StepOutcome& outcome) {
    switch (outcome.status.code()) {
      case StatusCode::kOk:
        break;
      case StatusCode::kUnavailable:
        return ++refused_ > 0;
      case StatusCode::kCancelled:
      case StatusCode::kDeadlineExceeded:
        return ++expired_ > 0;
      default:
        return false;
    }
    const EntryResult& entry = outcome.entries[0];
    if (entry.status.code() == StatusCode::kNotFound) return true;
    if (!entry.status.ok()) return false;
    ++served_;
    // The reference is slow, and who waits for it does not flood.
    const int one_of = pending.tokens == kFloodTokens ? 100 : 5;
    if (pending.tokens == 0 || served_ % one_of > 0) return true;
    std::vector<int64_t> visible;
    // A step with keys sees what was there up to them.
    const int64_t length = pending.keys > 0 ? pending.keys : entry.length;
    for (int64_t t = 0; t < pending.tokens; ++t) {
      visible.push_back(DefaultVisibleLength(length, t, pending.tokens));
    }
    return outcome.positions == Expected(SmallConfig(), 0, Slice(keys_, 0, length), kPolicy,
                                         pending.queries, visible, kPolicy.k)
                                    .positions;
  }

  void RunClient(uint64_t client) {
    std::mt19937 random(client);
    std::vector<Pending> pending;
    const auto until = Clock::now() + microseconds(static_cast<int64_t>(seconds * 1e6));
    while (Clock::now() < until) {
      // Client 0 floods; the others have a few steps under way.
      const size_t most = client == 0 ? 20 : 3;
      while (pending.size() < most) pending.push_back(StartRandom(client, random));
      const size_t at = random() % pending.size();
      if (random() % 3 == 0) *pending[at].cancelled = true;
      wrong_ += !IsRight(pending[at], pending[at].step->Wait());
      pending.erase(pending.begin() + static_cast<int64_t>(at));
      if (random() % 20 == 0) Truncate(*engine_, random() % kSequences, random() % kKeys);
      if (random() % 40 == 0) Release(*engine_, random() % kSequences);
    }
    for (Pending& left : pending) wrong_ += !IsRight(left, left.step->Wait());
  }

  static constexpr int64_t kFloodTokens = 100;
  static constexpr Policy kPolicy = {.k = 8, .estimator = Estimator::kManhattan};

  std::mt19937 random_{5};
  const Bytes keys_;
  const Queries flood_queries_ = RandomQueries(random_, Estimator::kManhattan, kFloodTokens);
  ThreadPool pool_{2};
  std::unique_ptr<Engine> engine_;
  std::atomic<int64_t> wrong_ = 0;
  std::atomic<int64_t> served_ = 0;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int64_t> expired_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Over, Stress, testing::Values("cpu", "remote"), BackendOf);

TEST_P(Stress, EveryStepIsToldOnceAndNothingIsLeftBehind) {
  std::vector<std::thread> threads;
  for (uint64_t client = 0; client < kClients; ++client) {
    threads.emplace_back([this, client] { RunClient(client); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong_, 0);
  EXPECT_GT(served_, 0);
  EXPECT_GT(refused_, 0) << "the queue was never full";
  EXPECT_GT(expired_, 0) << "nothing was cancelled or late";
  EXPECT_EQ(engine_->Queue().requests, 0);
  EXPECT_EQ(engine_->Queue().bytes, 0);
  for (uint64_t id = 0; id < kSequences; ++id) Release(*engine_, id);
  EXPECT_EQ(engine_->Shards()[0].memory.resident_bytes, 0);
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--seconds") kvsift::seconds = std::atof(argv[i + 1]);
  }
  return RUN_ALL_TESTS();
}
