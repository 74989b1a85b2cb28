// Who waits for whom, and what a lost batch leaves behind: over the remote backend, which can hold
// and lose batches.
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;

class Scheduling : public EngineTest {
 protected:
  RemoteBackend& remote() { return *test_.remote; }

  std::unique_ptr<PendingStep> StartAppend(uint64_t id, int64_t start, const Bytes& keys) {
    return std::make_unique<PendingStep>(
        engine(),
        StepSpec{.layer_ids = {3}, .entries = {{.id = id, .start = start, .keys = {keys}}}});
  }
  std::unique_ptr<PendingStep> StartSelect(uint64_t id) {
    return std::make_unique<PendingStep>(
        engine(), StepSpec{.layer_ids = {3},
                           .entries = {{.id = id, .queries = query_.codes, .tokens = 1}},
                           .policies = {kPolicy}});
  }
};
INSTANTIATE_TEST_SUITE_P(Remote, Scheduling, testing::Values("remote"), BackendOf);

bool Writes(const Batch& batch) { return !batch.writes.empty(); }
bool Selects(const Batch& batch) { return !batch.selections.empty(); }

TEST_P(Scheduling, ASelectNeverWaitsForAnAppendToAnotherSequence) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  Append(2, 0, keys);
  remote().Hold(Writes);
  const auto append = StartAppend(2, 100, RandomKeys(random_, 10));
  ASSERT_EQ(remote().held(), 1);
  ExpectHolds(1, keys);
  EXPECT_TRUE(Append(1, 40, Slice(keys, 40, 60)).status.ok()) << "nor does a resent append";
  EXPECT_FALSE(append->done());
  remote().Release();
  EXPECT_EQ(append->Wait().entries[0].length, 110);
}

TEST_P(Scheduling, ASelectWaitsForAnEarlierAppendToItsSequence) {
  const Bytes keys = RandomKeys(random_, 10);
  remote().Hold(Writes);
  const auto append = StartAppend(1, 0, keys);
  const auto select = StartSelect(1);
  EXPECT_FALSE(select->done());
  remote().Release();
  EXPECT_EQ(select->Wait().entries[0].length, 10);
  EXPECT_TRUE(append->Wait().entries[0].status.ok());
}

TEST_P(Scheduling, SelectsOfOneSequenceGoSideBySideAndAnAppendAfterThemWaits) {
  Append(1, 0, RandomKeys(random_, 10));
  remote().Hold(Selects);
  const auto first = StartSelect(1);
  const auto second = StartSelect(1);
  EXPECT_EQ(remote().held(), 2);
  const auto append = StartAppend(1, 10, RandomKeys(random_, 1));
  const auto third = StartSelect(1);
  EXPECT_EQ(remote().held(), 2) << "the third select comes after the append";
  EXPECT_FALSE(append->done());
  remote().Release();
  EXPECT_EQ(first->Wait().entries[0].length, 10);
  EXPECT_EQ(second->Wait().entries[0].length, 10);
  EXPECT_EQ(append->Wait().entries[0].length, 11);
  EXPECT_EQ(third->Wait().entries[0].length, 11);
}

TEST_P(Scheduling, OneEntryThatWaitsDoesNotHoldBackTheOthersOfItsMessage) {
  Append(1, 0, RandomKeys(random_, 10));
  Append(2, 0, RandomKeys(random_, 10));
  remote().Hold(Writes);
  const auto append = StartAppend(1, 10, RandomKeys(random_, 1));
  PendingStep both(engine(), {.layer_ids = {3},
                              .entries = {{.id = 1, .queries = query_.codes, .tokens = 1},
                                          {.id = 2, .queries = query_.codes, .tokens = 1}},
                              .policies = {kPolicy}});
  // The entry of sequence 2 is done, so a writer of it can pass.
  EXPECT_TRUE(Release(engine(), 2).status.ok());
  EXPECT_FALSE(both.done());
  remote().Release();
  EXPECT_EQ(both.Wait().entries[0].length, 11);
  EXPECT_EQ(both.Wait().entries[1].length, 10);
}

TEST_P(Scheduling, AReleasedPageIsNotReusedWhileASelectReadsIt) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  remote().Hold(Selects);
  const auto select = StartSelect(1);
  std::atomic<bool> released = false;
  engine().Release("s", 1, {}, [&](const MutationResult&) { released = true; });
  EXPECT_FALSE(released);
  EXPECT_TRUE(Append(2, 0, RandomKeys(random_, 100)).status.ok());
  remote().Release();
  EXPECT_EQ(select->Wait().Row(0),
            Expected(SmallConfig(), 0, keys, kPolicy, query_, {100}, kPolicy.k).Row(0));
  while (!released) std::this_thread::yield();
}

TEST_P(Scheduling, ADeletedStoreFinishesWhatItHasAdmitted) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  remote().Hold(Selects);
  const auto select = StartSelect(1);
  EXPECT_TRUE(engine().DeleteStore("s").ok());
  EXPECT_EQ(engine().GetStore("s").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(engine().CreateStore(SmallConfig()).ok()) << "the name is free at once";
  EXPECT_TRUE(Append(1, 0, RandomKeys(random_, 10)).status.ok());
  remote().Release();
  EXPECT_EQ(select->Wait().entries[0].length, 100);
  EXPECT_TRUE(engine().DeleteStore("s").ok());
  while (engine().Shards()[0].memory.resident_bytes > 0) std::this_thread::yield();
}

TEST_P(Scheduling, ALostAppendChangesNothingAndCanBeSentAgain) {
  const Bytes keys = RandomKeys(random_, 100);
  const Bytes more = RandomKeys(random_, 80);
  Append(1, 0, keys);
  Fork(engine(), 1, 2, 100);
  const int64_t before = test_.free_bytes();
  remote().Lose(1);
  const EntryResult lost = AppendLayer(2, 3, 100, more);
  EXPECT_EQ(lost.status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(lost.length, 100);
  EXPECT_EQ(test_.free_bytes(), before);
  EXPECT_EQ(Select(2).entries[0].status.code(), StatusCode::kUnavailable)
      << "its page table is unusable until the next append";
  EXPECT_EQ(AppendLayer(2, 3, 100, more).length, 180);
  ExpectHolds(2, Joined(keys, more));
  ExpectHolds(1, keys);
}

TEST_P(Scheduling, AfterALostAppendAResentOneRepairsTheTableBeforeItCompares) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  remote().Lose(1);
  EXPECT_EQ(AppendLayer(1, 3, 100, RandomKeys(random_, 60)).status.code(),
            StatusCode::kUnavailable);
  EXPECT_TRUE(Append(1, 90, Slice(keys, 90, 100)).status.ok());
  ExpectHolds(1, keys);
}

TEST_P(Scheduling, ALostFirstAppendLeavesNoSequence) {
  const int64_t before = test_.free_bytes();
  remote().Lose(1);
  EXPECT_EQ(Append(1, 0, RandomKeys(random_, 100)).status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(engine().GetSequence("s", 1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(test_.free_bytes(), before);
  EXPECT_TRUE(Append(1, 0, RandomKeys(random_, 100), 0).status.ok());
}

TEST_P(Scheduling, ALostReplacementCutsWhatItMayHaveOverwritten) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  const Bytes other = Joined(Slice(keys, 40, 50), RandomKeys(random_, 20));
  // The batch that compares is not lost; the one that writes is.
  remote().Hold(Writes);
  PendingStep step(engine(), {.layer_ids = {3},
                              .entries = {{.id = 1, .start = 40, .keys = {other}}},
                              .on_conflict = ConflictRule::kReplaceTail});
  while (remote().held() == 0) std::this_thread::yield();
  remote().LoseHeld();
  remote().Release();
  const EntryResult lost = step.Wait().entries[0];
  EXPECT_EQ(lost.status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(lost.length, 50);
  EXPECT_EQ(lost.epoch, 2u);
  EXPECT_THAT(Info(1).lengths, ElementsAre(50, 100));
  ExpectHolds(1, Slice(keys, 0, 50));
}

TEST_P(Scheduling, PositionsAreCountedAgainAfterALoss) {
  Append(1, 0, RandomKeys(random_, 100));
  const Bytes other = RandomKeys(random_, 20);
  remote().Hold(Writes);
  PendingStep step(engine(), {.layer_ids = {3, 7},
                              .entries = {{.id = 1, .start = 40, .keys = {other, other}}},
                              .on_conflict = ConflictRule::kReplaceTail});
  while (remote().held() == 0) std::this_thread::yield();
  remote().LoseHeld();
  remote().Release();
  EXPECT_EQ(step.Wait().entries[0].status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(Info(1).lengths, ElementsAre(40, 40));
  EXPECT_EQ(engine().GetStore("s")->positions, 40);
}

TEST_P(Scheduling, ALostForkLeavesNoChild) {
  Append(1, 0, RandomKeys(random_, 100));
  remote().Lose(1);
  EXPECT_EQ(Fork(engine(), 1, 2, 100).status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(engine().GetSequence("s", 2).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(Fork(engine(), 1, 2, 100).status.ok());
  Release(engine(), 1);
  Release(engine(), 2);
  EXPECT_EQ(engine().Shards()[0].memory.resident_bytes, 0);
}

TEST_P(Scheduling, ALostSelectionEmptiesItsRows) {
  Append(1, 0, RandomKeys(random_, 100));
  remote().Lose(1);
  const StepOutcome lost = Select(1);
  EXPECT_EQ(lost.entries[0].status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(lost.counts, std::vector<int32_t>(4, 0));
  EXPECT_EQ(Select(1).counts, std::vector<int32_t>(4, 8));
}

}  // namespace
}  // namespace kvsift
