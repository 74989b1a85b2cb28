// Many threads on overlapping sequences. The final state is exact; the thread sanitizer watches.
#include <algorithm>
#include <atomic>
#include <functional>
#include <initializer_list>
#include <thread>
#include <vector>

#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;

constexpr int kThreads = 4;

class Concurrency : public EngineTest {
 protected:
  Concurrency() { test_ = EngineUnderTest(GetParam(), int64_t{4} << 20); }

  // Runs work(0) .. work(kThreads - 1) at once.
  static void Together(const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : threads) thread.join();
  }

  // True if `got` is the answer for some prefix of `keys`, or that there is no such sequence.
  bool SeesAPrefix(const StepOutcome& got, const Bytes& keys) const {
    if (got.entries[0].status.code() == StatusCode::kNotFound) return true;
    const int64_t length = got.entries[0].length;
    const Bytes prefix = Slice(keys, 0, length);
    return got.entries[0].status.ok() &&
           got.positions ==
               Expected(SmallConfig(), 0, prefix, kPolicy, query_, {length}, kPolicy.k).positions;
  }

  std::vector<SequenceInfo> Sequences() { return *engine().ListSequences("s", {}, 10); }

  // Expects both layers to hold the same prefix of `keys`, in no more pages than it needs.
  void ExpectHoldsAPrefix(const SequenceInfo& info, const Bytes& keys) {
    ExpectHolds(info.id, Slice(keys, 0, info.lengths[0]));
    EXPECT_EQ(info.lengths[1], info.lengths[0]);
    EXPECT_EQ(info.pages, (info.lengths[0] + 63) / 64);
  }
};
INSTANTIATE_TEST_SUITE_P(AllBackends, Concurrency, testing::ValuesIn(EngineBackends()), BackendOf);

// Everybody appends the same keys in their own chunks: whoever comes late resends.
TEST_P(Concurrency, AppendsOfTheSameKeysByAllThreadsLeaveThemOnce) {
  const Bytes keys = RandomKeys(random_, 300);
  std::atomic<int> failed = 0;
  Together([&](int thread) {
    const int64_t chunk = 7 + 6 * thread;
    for (int64_t start = 0; start < 300; start += chunk) {
      const int64_t end = std::min<int64_t>(start + chunk, 300);
      failed += !Append(1, start, Slice(keys, start, end)).status.ok();
    }
  });
  EXPECT_EQ(failed, 0);
  ExpectHolds(1, keys);
  EXPECT_EQ(Info(1).pages, 5);
}

// A selection sees one consistent length: its answer is that of the keys up to there.
TEST_P(Concurrency, SelectionsDuringAppendsSeeOneLength) {
  const Bytes keys = RandomKeys(random_, 130);
  Append(1, 0, Slice(keys, 0, 1));
  std::atomic<int> wrong = 0;
  Together([&](int thread) {
    if (thread == 0) {
      for (int64_t i = 1; i < 130; i += 3) Append(1, i, Slice(keys, i, i + 3));
      return;
    }
    for (int i = 0; i < 20; ++i) {
      const StepOutcome got = Select(1);
      wrong += !got.entries[0].status.ok() || !SeesAPrefix(got, keys);
    }
  });
  EXPECT_EQ(wrong, 0);
  ExpectHolds(1, keys);
}

// Each thread owns a family of sequences that all fork from one shared parent.
TEST_P(Concurrency, ForksOfOneParentDivergeIndependently) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1000, 0, keys);
  std::vector<Bytes> tails;
  for (int i = 0; i < kThreads; ++i) tails.push_back(RandomKeys(random_, 50));
  std::atomic<int> failed = 0;
  Together([&](int thread) {
    for (uint64_t round = 0; round < 12; ++round) {
      const uint64_t id = thread * 100 + round;
      const auto cut = static_cast<int64_t>(90 + round % 10);
      failed += !Fork(engine(), 1000, id, cut).status.ok();
      failed += !Append(id, cut, tails[thread]).status.ok();
      failed += !Fork(engine(), id, id + 50, cut + 1).status.ok();
      failed += !Truncate(engine(), id + 50, 10).status.ok();
      failed += !Release(engine(), id + 50).status.ok();
      if (round % 2 == 1) failed += !Release(engine(), id).status.ok();
    }
  });
  EXPECT_EQ(failed, 0);
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int round = 0; round < 12; round += 2) {
      ExpectHolds(thread * 100 + round, Joined(Slice(keys, 0, 90 + round % 10), tails[thread]));
    }
  }
  ExpectHolds(1000, keys);
}

// Everything at once on four sequences. All keys come from one run, so whatever a sequence went
// through, it holds a prefix of that run; and every selection saw one, as long as it was told.
TEST_P(Concurrency, AnythingAtOnceLeavesPrefixesAndEveryPageIsFreedWithThem) {
  const int64_t before = test_.free_bytes();
  const Bytes keys = RandomKeys(random_, 100);
  std::atomic<int> unexpected = 0;
  Together([&](int thread) {
    std::mt19937 random(thread);
    const auto check = [&](const absl::Status& status, std::initializer_list<StatusCode> allowed) {
      const bool fine = std::find(allowed.begin(), allowed.end(), status.code()) != allowed.end();
      unexpected += !status.ok() && !fine;
    };
    for (int i = 0; i < 150; ++i) {
      const uint64_t id = random() % 4;
      const uint64_t other = random() % 4;
      const int64_t length = random() % 100;
      switch (random() % 6) {
        case 0:
          check(Truncate(engine(), id, length).status, {StatusCode::kNotFound});
          break;
        case 1:
          check(Fork(engine(), id, other, length).status,
                {StatusCode::kNotFound, StatusCode::kAlreadyExists});
          break;
        case 2:
          check(Release(engine(), id).status, {StatusCode::kNotFound});
          break;
        case 3:
          unexpected += !SeesAPrefix(Select(id), keys);
          break;
        default:
          check(Append(id, 0, Slice(keys, 0, 1 + length)).status, {});
      }
    }
  });
  EXPECT_EQ(unexpected, 0);
  for (const SequenceInfo& info : Sequences()) {
    ExpectHoldsAPrefix(info, keys);
    EXPECT_TRUE(Release(engine(), info.id).status.ok());
  }
  EXPECT_EQ(test_.free_bytes(), before);
}

TEST_P(Concurrency, DestructionWaitsForWorkInFlight) {
  const Bytes keys = RandomKeys(random_, 100);
  std::vector<std::unique_ptr<PendingStep>> steps;
  for (uint64_t id = 0; id < 20; ++id) {
    steps.push_back(std::make_unique<PendingStep>(
        engine(), StepSpec{.layer_ids = {3}, .entries = {{.id = id, .keys = {keys}}}}));
  }
  test_.engine.reset();
  for (const auto& step : steps) EXPECT_TRUE(step->done());
}

}  // namespace
}  // namespace kvsift
