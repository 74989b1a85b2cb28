// Appends: the rows "AppendKeys" and "Epoch" of semantics.md, "State".
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Append : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(AllBackends, Append, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(Append, CreatesTheSequenceAndSelectionsSeeItsKeys) {
  const Bytes keys = RandomKeys(random_, 100);
  const EntryResult result = EngineTest::Append(1, 0, keys);
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.epoch, 1u);
  EXPECT_EQ(result.length, 100);
  EXPECT_THAT(Info(1).lengths, ElementsAre(100, 100));
  EXPECT_EQ(Info(1).pages, 2);
  ExpectHolds(1, keys);
}

TEST_P(Append, ResentIsNotAppliedTwice) {
  const Bytes keys = RandomKeys(random_, 70);
  EngineTest::Append(1, 0, keys);
  const EntryResult again = EngineTest::Append(1, 0, keys);
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.epoch, 1u);
  EXPECT_EQ(again.length, 70);
  ExpectHolds(1, keys);
}

TEST_P(Append, MayOverlapTheTailWithEqualKeys) {
  const Bytes keys = RandomKeys(random_, 150);
  EngineTest::Append(1, 0, Slice(keys, 0, 90));
  const EntryResult result = EngineTest::Append(1, 60, Slice(keys, 60, 150));
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.length, 150);
  ExpectHolds(1, keys);
}

TEST_P(Append, InsideTheSequenceWithEqualKeysChangesNothing) {
  const Bytes keys = RandomKeys(random_, 90);
  EngineTest::Append(1, 0, keys);
  const EntryResult result = EngineTest::Append(1, 10, Slice(keys, 10, 20));
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.length, 90);
  ExpectHolds(1, keys);
}

TEST_P(Append, WithDifferentKeysFailsAndChangesNothing) {
  const Bytes keys = RandomKeys(random_, 80);
  EngineTest::Append(1, 0, keys);
  const Bytes other = Joined(Slice(keys, 40, 50), RandomKeys(random_, 40));
  const EntryResult result = EngineTest::Append(1, 40, other);
  EXPECT_EQ(result.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(result.status.message()), HasSubstr("position 50 of layer 3"));
  EXPECT_EQ(result.epoch, 1u);
  EXPECT_EQ(result.length, 80);
  ExpectHolds(1, keys);
}

TEST_P(Append, BeyondTheLengthIsAGap) {
  EngineTest::Append(1, 0, RandomKeys(random_, 5));
  const EntryResult result = EngineTest::Append(1, 6, RandomKeys(random_, 1));
  EXPECT_EQ(result.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(result.epoch, 1u);
  EXPECT_EQ(result.length, 5);
}

TEST_P(Append, ToAnUnknownSequenceFromTheMiddleIsAGapOfLengthZero) {
  const EntryResult result = EngineTest::Append(9, 3, RandomKeys(random_, 1));
  EXPECT_EQ(result.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(result.epoch, 0u);
  EXPECT_EQ(result.length, 0);
  EXPECT_EQ(engine().GetSequence("s", 9).status().code(), StatusCode::kNotFound);
}

TEST_P(Append, KeepsTheEpoch) {
  EngineTest::Append(1, 0, RandomKeys(random_, 5));
  EXPECT_EQ(EngineTest::Append(1, 5, RandomKeys(random_, 5)).epoch, 1u);
}

TEST_P(Append, WithAStaleEpochIsAbortedBeforeAnythingElse) {
  EngineTest::Append(1, 0, RandomKeys(random_, 5));
  const EntryResult result = EngineTest::Append(1, 99, RandomKeys(random_, 1), 77);
  EXPECT_EQ(result.status.code(), StatusCode::kAborted);
  EXPECT_EQ(result.epoch, 1u);
  EXPECT_EQ(result.length, 5);
}

TEST_P(Append, ExpectingEpochZeroDemandsANewSequence) {
  const Bytes keys = RandomKeys(random_, 5);
  EXPECT_TRUE(EngineTest::Append(1, 0, keys, 0).status.ok());
  EXPECT_EQ(EngineTest::Append(1, 0, keys, 0).status.code(), StatusCode::kAborted);
  EXPECT_TRUE(EngineTest::Append(1, 0, keys, 1).status.ok());
}

TEST_P(Append, ReplacingTheTailCutsAtTheFirstDifference) {
  const Bytes keys = RandomKeys(random_, 140);
  EngineTest::Append(1, 0, keys);
  const Bytes other = Joined(Slice(keys, 60, 66), RandomKeys(random_, 10));
  const EntryResult result = EngineTest::Append(1, 60, other, {}, ConflictRule::kReplaceTail);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.epoch, 2u);
  EXPECT_EQ(result.length, 76);
  EXPECT_EQ(Info(1).pages, 2);
  ExpectHolds(1, Joined(Slice(keys, 0, 60), other));
}

TEST_P(Append, ReplacingWithEqualKeysKeepsTailAndEpoch) {
  const Bytes keys = RandomKeys(random_, 140);
  EngineTest::Append(1, 0, keys);
  const EntryResult result =
      EngineTest::Append(1, 60, Slice(keys, 60, 70), {}, ConflictRule::kReplaceTail);
  EXPECT_EQ(result.epoch, 1u);
  EXPECT_EQ(result.length, 140);
}

TEST_P(Append, ReplacesEachLayerFromItsOwnDifference) {
  const Bytes keys = RandomKeys(random_, 20);
  EngineTest::Append(1, 0, keys);
  const Bytes other = Joined(Slice(keys, 0, 10), RandomKeys(random_, 5));
  const StepOutcome outcome =
      RunStep(engine(), {.layer_ids = {7, 3},
                         .entries = {{.id = 1, .start = 0, .keys = {other, Slice(keys, 0, 15)}}},
                         .on_conflict = ConflictRule::kReplaceTail});
  EXPECT_TRUE(outcome.entries[0].status.ok());
  EXPECT_EQ(outcome.entries[0].length, 15);
  EXPECT_THAT(Info(1).lengths, ElementsAre(20, 15));
  ExpectHolds(1, keys);
}

TEST_P(Append, LayersGrowIndependently) {
  const Bytes keys = RandomKeys(random_, 130);
  EXPECT_EQ(AppendLayer(1, 7, 0, keys).length, 130);
  EXPECT_THAT(Info(1).lengths, ElementsAre(0, 130));
  EXPECT_EQ(AppendLayer(1, 3, 0, Slice(keys, 0, 40)).length, 40);
  EXPECT_THAT(Info(1).lengths, ElementsAre(40, 130));
  ExpectHolds(1, Slice(keys, 0, 40));
}

TEST_P(Append, IsAtomicOverTheLayersOfAnEntry) {
  const Bytes keys = RandomKeys(random_, 10);
  AppendLayer(1, 3, 0, keys);
  // Layer 3 could go on, layer 7 has a gap.
  const EntryResult result = EngineTest::Append(1, 10, RandomKeys(random_, 5));
  EXPECT_EQ(result.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(result.length, 0) << "of layer 7, which the error is about";
  EXPECT_THAT(Info(1).lengths, ElementsAre(10, 0));
}

TEST_P(Append, InChunksEqualsAtOnce) {
  const Bytes keys = RandomKeys(random_, 200);
  for (const int64_t chunk : {1, 15, 16, 17, 63, 64, 65, 199}) {
    const auto id = static_cast<uint64_t>(chunk);
    for (int64_t start = 0; start < 200; start += chunk) {
      const int64_t end = std::min<int64_t>(start + chunk, 200);
      ASSERT_TRUE(EngineTest::Append(id, start, Slice(keys, start, end)).status.ok());
    }
    ExpectHolds(id, keys);
  }
}

TEST_P(Append, WithABadValueFailsWithItAndChangesNothing) {
  const StepOutcome outcome = RunStep(
      engine(), {.layer_ids = {3},
                 .entries = {{.id = 1,
                              .keys = {RandomKeys(random_, 2)},
                              .invalid = absl::InvalidArgumentError("keys: element 5 is NaN")},
                             {.id = 2, .keys = {RandomKeys(random_, 2)}}}});
  EXPECT_EQ(outcome.entries[0].status, absl::InvalidArgumentError("keys: element 5 is NaN"));
  EXPECT_TRUE(outcome.entries[1].status.ok());
  EXPECT_FALSE(engine().GetSequence("s", 1).ok());
}

TEST_P(Append, OfRawKeysEqualsTheirCodes) {
  std::normal_distribution<float> normal;
  std::vector<float> raw(3 * 2 * 64);
  for (float& x : raw) x = normal(random_);
  const auto* bytes = reinterpret_cast<const std::byte*>(raw.data());
  const Bytes keys(bytes, bytes + raw.size() * sizeof(float));
  StepSpec spec = {
      .layer_ids = {3}, .entries = {{.id = 1, .keys = {keys}}}, .raw_keys = ElementType::kFloat32};
  EXPECT_EQ(RunStep(engine(), spec).entries[0].length, 3);
  EXPECT_TRUE(RunStep(engine(), spec).entries[0].status.ok()) << "resent: equal";
  spec.entries[0].keys[0][3] ^= std::byte{0x80};  // the sign of an element of position 0
  for (size_t i = 3; i < 256; i += 4) spec.entries[0].keys[0][i] ^= std::byte{0x80};
  EXPECT_EQ(RunStep(engine(), spec).entries[0].status.code(), StatusCode::kFailedPrecondition);
}

TEST_P(Append, WithoutKeysLooksASequenceUp) {
  EngineTest::Append(1, 0, RandomKeys(random_, 12));
  const StepOutcome outcome =
      RunStep(engine(), {.layer_ids = {3}, .entries = {{.id = 1, .start = 99}, {.id = 2}}});
  EXPECT_TRUE(outcome.entries[0].status.ok());
  EXPECT_EQ(outcome.entries[0].length, 12);
  EXPECT_EQ(outcome.entries[1].status.code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace kvsift
