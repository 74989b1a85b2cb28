// Base of tests that hold for an engine over every backend.
#ifndef KVSIFT_TESTS_ENGINE_ENGINE_TEST_H_
#define KVSIFT_TESTS_ENGINE_ENGINE_TEST_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/engine_harness.h"

namespace kvsift {

// The parameter is the name of a backend.
class EngineTest : public testing::TestWithParam<std::string> {
 protected:
  EngineTest() : test_(GetParam()), random_(7) {}

  Engine& engine() { return *test_.engine; }

  // Appends the same keys to both layers.
  EntryResult Append(uint64_t id, int64_t start, const Bytes& keys,
                     std::optional<uint64_t> epoch = {},
                     ConflictRule on_conflict = ConflictRule::kFail) {
    StepOutcome outcome = RunStep(
        engine(), {.layer_ids = {3, 7},
                   .entries = {{.id = id, .start = start, .keys = {keys, keys}, .epoch = epoch}},
                   .on_conflict = on_conflict});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.entries.empty() ? EntryResult{outcome.status} : outcome.entries[0];
  }

  // Appends to one layer.
  EntryResult AppendLayer(uint64_t id, int32_t layer, int64_t start, const Bytes& keys) {
    return RunStep(engine(),
                   {.layer_ids = {layer}, .entries = {{.id = id, .start = start, .keys = {keys}}}})
        .entries[0];
  }

  // The 8 best positions for a fixed query, by manhattan: a digest of what layer 3 holds.
  StepOutcome Select(uint64_t id, AnswerLayout layout = AnswerLayout::kPadded) {
    return RunStep(engine(), {.layer_ids = {3},
                              .entries = {{.id = id, .queries = query_.codes, .tokens = 1}},
                              .policies = {kPolicy},
                              .layout = layout,
                              .want_scores = true});
  }

  // Expects that layer 3 of `id` holds exactly `keys`.
  void ExpectHolds(uint64_t id, const Bytes& keys) {
    const StepOutcome got = Select(id);
    ASSERT_EQ(got.entries.size(), 1u);
    EXPECT_TRUE(got.entries[0].status.ok()) << got.entries[0].status;
    const int64_t length = std::ssize(keys) / kSmallKeyBytes;
    EXPECT_EQ(got.entries[0].length, length);
    const StepOutcome want = Expected(SmallConfig(), 0, keys, kPolicy, query_, {length}, kPolicy.k);
    EXPECT_EQ(got.positions, want.positions);
    EXPECT_EQ(got.counts, want.counts);
    EXPECT_EQ(got.scores, want.scores);
  }

  SequenceInfo Info(uint64_t id) { return *engine().GetSequence("s", id); }

  static constexpr Policy kPolicy = {.k = 8, .estimator = Estimator::kManhattan};

  EngineUnderTest test_;
  std::mt19937 random_;
  const Queries query_ = RandomQueries(random_, Estimator::kManhattan, 1);
};

inline std::string BackendOf(const testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_ENGINE_TEST_H_
