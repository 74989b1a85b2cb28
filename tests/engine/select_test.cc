// Selections and steps: visible lengths, layouts, mixed policies, failed entries.
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::Each;
using ::testing::ElementsAre;

class Select : public EngineTest {
 protected:
  // Two query tokens of sequence `id` under kPolicy.
  EntrySpec TwoTokens(uint64_t id, std::vector<int64_t> visible = {}) {
    return {.id = id, .queries = two_.codes, .tokens = 2, .visible = std::move(visible)};
  }
  StepOutcome Run(std::vector<EntrySpec> entries, AnswerLayout layout = AnswerLayout::kPadded) {
    return RunStep(engine(), {.layer_ids = {3},
                              .entries = std::move(entries),
                              .policies = {kPolicy},
                              .layout = layout,
                              .want_scores = true});
  }
  StepOutcome Want(const Bytes& keys, const std::vector<int64_t>& visible) {
    return Expected(SmallConfig(), 0, keys, kPolicy, two_, visible, kPolicy.k);
  }

  const Queries two_ = RandomQueries(random_, Estimator::kManhattan, 2);
};
INSTANTIATE_TEST_SUITE_P(AllBackends, Select, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(Select, ByDefaultTheLastTokenSeesEverythingAndOthersOneLess) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  const StepOutcome got = Run({TwoTokens(1)});
  EXPECT_EQ(got.positions, Want(keys, {99, 100}).positions);
  EXPECT_EQ(got.scores, Want(keys, {99, 100}).scores);
}

TEST_P(Select, VisibleLengthsMayBeZeroToTheLength) {
  const Bytes keys = RandomKeys(random_, 20);
  Append(1, 0, keys);
  EXPECT_EQ(Run({TwoTokens(1, {0, 20})}).positions, Want(keys, {0, 20}).positions);
  EXPECT_EQ(Run({TwoTokens(1, {7, 3})}).positions, Want(keys, {7, 3}).positions);
}

TEST_P(Select, BadVisibleLengthsFailTheirEntryAlone) {
  const Bytes keys = RandomKeys(random_, 20);
  Append(1, 0, keys);
  const StepOutcome got =
      Run({TwoTokens(1, {5, -1}), TwoTokens(1, {5, 21}), TwoTokens(1, {5, 20})});
  EXPECT_EQ(got.entries[0].status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(got.entries[1].status.code(), StatusCode::kOutOfRange);
  EXPECT_TRUE(got.entries[2].status.ok());
  const int64_t rows = 8;  // 2 tokens x 4 heads, per entry
  const StepOutcome want = Want(keys, {5, 20});
  EXPECT_THAT(std::vector(got.counts.begin(), got.counts.begin() + 2 * rows), Each(0));
  EXPECT_THAT(std::vector(got.positions.begin(), got.positions.begin() + 2 * rows * 8), Each(-1));
  EXPECT_THAT(std::vector(got.scores.begin(), got.scores.begin() + 2 * rows * 8), Each(0));
  EXPECT_EQ(std::vector(got.positions.begin() + 2 * rows * 8, got.positions.end()), want.positions);
}

TEST_P(Select, FromAnUnknownSequenceIsNotFoundAndKeepsItsRows) {
  const StepOutcome got = Run({TwoTokens(4)});
  EXPECT_EQ(got.entries[0].status.code(), StatusCode::kNotFound);
  EXPECT_THAT(got.counts, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(got.positions, Each(-1));
}

TEST_P(Select, PackedRowsLieEndToEndAndFailedOnesAreEmpty) {
  Append(1, 0, RandomKeys(random_, 3));
  Append(2, 0, RandomKeys(random_, 2));
  const Bytes query = query_.codes;
  const StepOutcome got = Run({{.id = 1, .queries = query, .tokens = 1},
                               {.id = 9, .queries = query, .tokens = 1},
                               {.id = 2, .queries = query, .tokens = 1}},
                              AnswerLayout::kPacked);
  EXPECT_THAT(got.offsets, ElementsAre(0, 3, 6, 9, 12, 12, 12, 12, 12, 14, 16, 18, 20));
  EXPECT_THAT(got.positions,
              ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 1));
  EXPECT_EQ(got.scores.size(), 20u);
}

TEST_P(Select, PackedScoresFollowTheirPositions) {
  Append(1, 0, RandomKeys(random_, 100));
  const StepOutcome padded = EngineTest::Select(1);
  const StepOutcome packed = EngineTest::Select(1, AnswerLayout::kPacked);
  EXPECT_EQ(packed.positions, padded.positions) << "every row is full";
  EXPECT_EQ(packed.scores, padded.scores);
}

TEST_P(Select, AStepSeesItsOwnKeysAndResentGivesTheSameAnswer) {
  const Bytes keys = RandomKeys(random_, 70);
  Append(1, 0, Slice(keys, 0, 64));
  EntrySpec entry = TwoTokens(1);
  entry.start = 64;
  entry.keys = {Slice(keys, 64, 66)};
  EXPECT_EQ(Run({entry}).positions, Want(keys, {65, 66}).positions);
  AppendLayer(1, 3, 66, Slice(keys, 66, 70));
  const StepOutcome again = Run({entry});
  EXPECT_TRUE(again.entries[0].status.ok());
  EXPECT_EQ(again.entries[0].length, 70);
  EXPECT_EQ(again.positions, Want(keys, {65, 66}).positions);
}

TEST_P(Select, AStepThatConflictsSelectsNothing) {
  Append(1, 0, RandomKeys(random_, 10));
  EntrySpec entry = TwoTokens(1);
  entry.start = 5;
  entry.keys = {RandomKeys(random_, 5)};
  const StepOutcome got = Run({entry});
  EXPECT_EQ(got.entries[0].status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(got.counts, Each(0));
}

TEST_P(Select, VisibleLengthsAreCheckedAgainstTheReplacedTail) {
  const Bytes keys = RandomKeys(random_, 20);
  Append(1, 0, keys);
  EntrySpec entry = TwoTokens(1, {10, 20});
  entry.start = 5;
  entry.keys = {RandomKeys(random_, 7)};
  const StepOutcome got = RunStep(engine(), {.layer_ids = {3},
                                             .entries = {entry},
                                             .policies = {kPolicy},
                                             .on_conflict = ConflictRule::kReplaceTail});
  EXPECT_EQ(got.entries[0].status.code(), StatusCode::kOutOfRange);
  ExpectHolds(1, keys);
}

TEST_P(Select, MixedPoliciesShareTheWidestRow) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  const Policy narrow = {.k = 4, .estimator = Estimator::kDot, .grouping = Grouping::kGroupMax};
  const Policy wide = {.k = 6, .estimator = Estimator::kDot, .grouping = Grouping::kGroupUnion};
  const Queries query = RandomQueries(random_, Estimator::kDot, 1);
  const StepOutcome got =
      RunStep(engine(), {.layer_ids = {3},
                         .entries = {{.id = 1, .queries = query.codes, .tokens = 1, .policy = 1},
                                     {.id = 1, .queries = query.codes, .tokens = 1, .policy = 0}},
                         .policies = {narrow, wide},
                         .want_scores = true});
  EXPECT_EQ(got.shape.width, 12);
  EXPECT_EQ(got.shape.rows, 4);
  StepOutcome want = Expected(SmallConfig(), 0, keys, wide, query, {100}, 12);
  const StepOutcome second = Expected(SmallConfig(), 0, keys, narrow, query, {100}, 12);
  want.positions.insert(want.positions.end(), second.positions.begin(), second.positions.end());
  EXPECT_EQ(got.positions, want.positions);
  EXPECT_THAT(got.scores, Each(0)) << "scores are for grouping head";
}

TEST_P(Select, SharesNothingBetweenTheEntriesOfAMessage) {
  std::vector<EntrySpec> together;
  std::vector<int32_t> apart;
  for (uint64_t id = 0; id < 20; ++id) {
    Append(id, 0, RandomKeys(random_, 1 + static_cast<int64_t>(id) * 11));
    together.push_back({.id = id, .queries = query_.codes, .tokens = 1});
    const StepOutcome alone = EngineTest::Select(id);
    apart.insert(apart.end(), alone.positions.begin(), alone.positions.end());
  }
  EXPECT_EQ(Run(together).positions, apart);
}

}  // namespace
}  // namespace kvsift
