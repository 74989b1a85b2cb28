// The budget: a hard limit that fails entries by themselves.
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::HasSubstr;

constexpr int64_t kPages = 64;

class MemoryTest : public EngineTest {
 protected:
  MemoryTest() { test_ = EngineUnderTest(GetParam(), kPages * kSmallPageBytes); }

  // Appends until `free` pages are free.
  void FillUpTo(int64_t free) { Append(100, 0, RandomKeys(random_, (kPages - free) * 64)); }
};
INSTANTIATE_TEST_SUITE_P(AllBackends, MemoryTest, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(MemoryTest, SpentFailsTheEntryWithFiguresAndChangesNothing) {
  FillUpTo(1);
  const Bytes keys = RandomKeys(random_, 60);
  Append(1, 0, keys);
  const EntryResult result = Append(1, 60, RandomKeys(random_, 10));
  EXPECT_EQ(result.status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(result.status.message()), HasSubstr("(4096 bytes), 0 bytes free"));
  EXPECT_EQ(result.length, 60);
  EXPECT_EQ(result.epoch, 2u);
  ExpectHolds(1, keys);
  EXPECT_TRUE(Append(1, 60, RandomKeys(random_, 4)).status.ok()) << "the page has room";
}

TEST_P(MemoryTest, SpentLeavesNeighboursFine) {
  FillUpTo(2);
  const StepOutcome outcome =
      RunStep(engine(), {.layer_ids = {3},
                         .entries = {{.id = 1, .keys = {RandomKeys(random_, 64)}},
                                     {.id = 2, .keys = {RandomKeys(random_, 65)}},
                                     {.id = 3, .keys = {RandomKeys(random_, 64)}}}});
  EXPECT_TRUE(outcome.entries[0].status.ok());
  EXPECT_EQ(outcome.entries[1].status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(outcome.entries[1].epoch, 0u);
  EXPECT_TRUE(outcome.entries[2].status.ok());
  EXPECT_EQ(test_.free_bytes(), 0);
}

TEST_P(MemoryTest, ACopyForAForkCountsToo) {
  FillUpTo(1);
  const Bytes keys = RandomKeys(random_, 10);
  Append(1, 0, keys);
  ASSERT_TRUE(Fork(engine(), 1, 2, 10).status.ok());
  EXPECT_EQ(Append(2, 10, RandomKeys(random_, 1)).status.code(), StatusCode::kResourceExhausted);
  ExpectHolds(2, keys);
  Release(engine(), 1);
  EXPECT_TRUE(Append(2, 10, RandomKeys(random_, 1)).status.ok()) << "no longer shared";
}

TEST_P(MemoryTest, AReplacementThatCannotBeHadCutsNothing) {
  FillUpTo(1);
  const Bytes keys = RandomKeys(random_, 64);
  Append(1, 0, keys);
  const EntryResult result = Append(1, 60, RandomKeys(random_, 10), {}, ConflictRule::kReplaceTail);
  EXPECT_EQ(result.status.code(), StatusCode::kResourceExhausted);
  ExpectHolds(1, keys);
}

TEST_P(MemoryTest, ReleasedMemoryServesStoresOfOtherPageSizes) {
  FillUpTo(0);
  StoreConfig config = SmallConfig();
  config.name = "other";
  config.shape.head_dim = 128;
  ASSERT_TRUE(engine().CreateStore(config).ok());
  const StepSpec spec = {.store = "other",
                         .layer_ids = {3},
                         .entries = {{.id = 1, .keys = {RandomKeys(random_, kPages * 64)}}}};
  EXPECT_EQ(RunStep(engine(), spec).entries[0].status.code(), StatusCode::kResourceExhausted);
  Release(engine(), 100);
  EXPECT_EQ(RunStep(engine(), spec).entries[0].length, kPages * 32);
}

// Bytes of codes of `positions` positions in both layers of SmallConfig.
constexpr int64_t CodeBytesOf(int64_t positions) { return 2 * kSmallKeyBytes * positions; }

TEST_P(MemoryTest, KeysOf32768PositionsTakeAtMostATwentiethMoreThanTheirCodes) {
  constexpr int64_t kPositions = 32768;
  EngineUnderTest test(GetParam(), 2 * CodeBytesOf(kPositions));
  const int64_t before = test.free_bytes();
  const auto append = [&](int64_t start, int64_t count) {
    const Bytes keys = RandomKeys(random_, count);
    const StepOutcome outcome = RunStep(
        *test.engine,
        {.layer_ids = {3, 7}, .entries = {{.id = 1, .start = start, .keys = {keys, keys}}}});
    EXPECT_TRUE(outcome.entries[0].status.ok()) << outcome.entries[0].status;
  };
  append(0, 1);
  EXPECT_EQ(before - test.free_bytes(), kSmallPageBytes) << "one token costs a page";
  append(1, 99);
  EXPECT_EQ(before - test.free_bytes(), 2 * kSmallPageBytes) << "100 tokens cost two";
  append(100, kPositions - 100);
  const MemoryUse use = test.engine->Shards()[0].memory;
  EXPECT_GE(use.resident_bytes, CodeBytesOf(kPositions));
  EXPECT_LE(use.resident_bytes + use.fragmented_bytes, CodeBytesOf(kPositions) * 21 / 20);
  EXPECT_EQ(test.engine->GetStore("s")->resident_bytes, use.resident_bytes);
  ASSERT_TRUE(Release(*test.engine, 1).status.ok());
  EXPECT_EQ(test.free_bytes(), before);
  EXPECT_EQ(test.engine->Shards()[0].memory.fragmented_bytes, 0);
}

TEST_P(MemoryTest, SequencesBeyondTheLargestLengthAreRefused) {
  EngineUnderTest test(GetParam(), 1 << 20, SmallConfig(), {.max_sequence_length = 100});
  StepSpec spec = {.layer_ids = {3}, .entries = {{.id = 1, .keys = {RandomKeys(random_, 101)}}}};
  const StepOutcome refused = RunStep(*test.engine, spec);
  EXPECT_EQ(refused.entries[0].status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.entries[0].status.message(), "start + count: 101, expected at most 100");
  spec.entries[0].keys[0].resize(100 * kSmallKeyBytes);
  EXPECT_TRUE(RunStep(*test.engine, spec).entries[0].status.ok());
}

}  // namespace
}  // namespace kvsift
