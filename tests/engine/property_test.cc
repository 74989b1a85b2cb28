// What must not change an answer: threads, batches, chunks of appends and the order of requests.
// Sequences and chunks of query tokens are large enough for keys to be scanned in parts.
#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/engine_harness.h"
#include "tests/kernels/backends_under_test.h"

namespace kvsift {
namespace {

constexpr int kSequences = 2;
constexpr int64_t kTokens = 8;
constexpr int64_t kLength = 12000;
constexpr int64_t kMemoryBytes = int64_t{4} << 20;

constexpr Policy kPolicies[] = {
    {.k = 300, .grouping = Grouping::kHead, .sinks = 4, .window = 50},
    {.k = 20, .grouping = Grouping::kGroupMax},
    {.k = 700, .grouping = Grouping::kGroupSum, .sinks = 1},
    {.k = 33, .grouping = Grouping::kGroupUnion, .window = 7},
    {.k = 1000, .grouping = Grouping::kLayerMax},
};

// Keys of both layers and a query of each sequence; the same for every engine. A quarter of the
// keys of a sequence are one key, so that rows have ties across threads.
struct Workload {
  std::vector<Bytes> keys;
  std::vector<Queries> queries;
};

Workload MakeWorkload() {
  std::mt19937 random(5);
  Workload workload;
  for (int i = 0; i < kSequences; ++i) {
    Bytes keys = RandomKeys(random, kLength);
    for (int64_t p = 4; p < kLength; p += 4) {
      std::copy_n(keys.begin(), kSmallKeyBytes, keys.begin() + p * kSmallKeyBytes);
    }
    workload.keys.push_back(std::move(keys));
    workload.queries.push_back(RandomQueries(random, Estimator::kAsymmetricDot, kTokens));
  }
  return workload;
}

EngineUnderTest MakeEngine(const std::string& backend, int threads) {
  return EngineUnderTest(backend, kMemoryBytes, SmallConfig(), {}, /*seed=*/1, threads);
}

// Appends positions [start, end) of `sequences` in one step.
void Append(Engine& engine, const Workload& workload, const std::vector<int>& sequences,
            int64_t start, int64_t end) {
  StepSpec spec = {.layer_ids = {3, 7}};
  for (const int i : sequences) {
    const Bytes keys = Slice(workload.keys[i], start, end);
    spec.entries.push_back({.id = static_cast<uint64_t>(i), .start = start, .keys = {keys, keys}});
  }
  for (const EntryResult& entry : RunStep(engine, std::move(spec)).entries) {
    ASSERT_TRUE(entry.status.ok()) << entry.status;
  }
}

// A selection from layer 7 of `sequences` under one policy.
StepSpec Selection(const Workload& workload, const std::vector<int>& sequences,
                   const Policy& policy) {
  StepSpec spec = {.layer_ids = {7}, .policies = {policy}, .want_scores = true};
  for (const int i : sequences) {
    spec.entries.push_back({.id = static_cast<uint64_t>(i),
                            .queries = workload.queries[i].codes,
                            .scales = workload.queries[i].scales,
                            .tokens = kTokens});
  }
  return spec;
}

std::vector<int> All() {
  std::vector<int> sequences(kSequences);
  std::iota(sequences.begin(), sequences.end(), 0);
  return sequences;
}

// Positions and scores under each policy, of all sequences in their order.
using Answers = std::vector<std::vector<int32_t>>;

void Add(const StepOutcome& outcome, std::vector<int32_t>& answer) {
  answer.insert(answer.end(), outcome.positions.begin(), outcome.positions.end());
  answer.insert(answer.end(), outcome.scores.begin(), outcome.scores.end());
}

// One step for all sequences.
Answers SelectTogether(Engine& engine, const Workload& workload) {
  Answers answers;
  for (const Policy& policy : kPolicies) {
    const StepOutcome outcome = RunStep(engine, Selection(workload, All(), policy));
    const auto share = std::ssize(outcome.positions) / kSequences;
    std::vector<int32_t>& answer = answers.emplace_back();
    for (int i = 0; i < kSequences; ++i) {
      const auto from = [&](const std::vector<int32_t>& all) { return all.begin() + i * share; };
      answer.insert(answer.end(), from(outcome.positions), from(outcome.positions) + share);
      answer.insert(answer.end(), from(outcome.scores), from(outcome.scores) + share);
    }
  }
  return answers;
}

// All steps under way at once, the last sequence and the last policy first.
Answers SelectApart(Engine& engine, const Workload& workload) {
  std::vector<std::unique_ptr<PendingStep>> steps;
  for (auto policy = std::rbegin(kPolicies); policy != std::rend(kPolicies); ++policy) {
    for (int i = kSequences - 1; i >= 0; --i) {
      steps.push_back(std::make_unique<PendingStep>(engine, Selection(workload, {i}, *policy)));
    }
  }
  std::reverse(steps.begin(), steps.end());
  Answers answers;
  for (size_t step = 0; step < steps.size(); ++step) {
    if (step % kSequences == 0) answers.emplace_back();
    Add(steps[step]->Wait(), answers.back());
  }
  return answers;
}

// Backends whose answers may not depend on how they were asked: all but the one that is the
// measure.
std::vector<std::string> ComparedBackends() {
  std::vector<std::string> names = BackendsUnderTest();
  std::erase(names, "reference");
  return names;
}

// The parameters are a backend and the threads that it has.
class PropertyTest : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  EngineUnderTest Make() const {
    return MakeEngine(std::get<std::string>(GetParam()), std::get<int>(GetParam()));
  }

  const Workload workload_ = MakeWorkload();
};
INSTANTIATE_TEST_SUITE_P(Threads, PropertyTest,
                         testing::Combine(testing::ValuesIn(ComparedBackends()),
                                          testing::Values(1, 2, 4)),
                         [](const auto& of) {
                           return std::get<std::string>(of.param) + "_" +
                                  std::to_string(std::get<int>(of.param));
                         });

// The reference: one append and one selection at a time, on one thread.
const Answers& Expected(const Workload& workload) {
  static const Answers answers = [&workload] {
    const EngineUnderTest test = MakeEngine("reference", 1);
    Append(*test.engine, workload, All(), 0, kLength);
    return SelectTogether(*test.engine, workload);
  }();
  return answers;
}

TEST_P(PropertyTest, ThreadsChangeNothing) {
  const EngineUnderTest test = Make();
  Append(*test.engine, workload_, All(), 0, kLength);
  EXPECT_EQ(SelectTogether(*test.engine, workload_), Expected(workload_));
}

TEST_P(PropertyTest, BatchesAndTheOrderOfRequestsChangeNothing) {
  const EngineUnderTest test = Make();
  for (int i = kSequences - 1; i >= 0; --i) Append(*test.engine, workload_, {i}, 0, kLength);
  EXPECT_EQ(SelectApart(*test.engine, workload_), Expected(workload_));
}

TEST_P(PropertyTest, ChunksOfAppendsChangeNothing) {
  const EngineUnderTest test = Make();
  std::mt19937 random(std::get<int>(GetParam()));
  for (int64_t start = 0; start < kLength;) {
    const int64_t end = std::min<int64_t>(kLength, start + 1 + random() % 3000);
    Append(*test.engine, workload_, All(), start, end);
    start = end;
  }
  EXPECT_EQ(SelectTogether(*test.engine, workload_), Expected(workload_));
}

}  // namespace
}  // namespace kvsift
