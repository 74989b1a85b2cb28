// Truncate, fork and release: their rows of semantics.md, "State".
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;

class Lifecycle : public EngineTest {
 protected:
  MutationResult Truncate(uint64_t id, int64_t length, std::optional<uint64_t> epoch = {}) {
    return kvsift::Truncate(engine(), id, length, epoch);
  }
  MutationResult Fork(uint64_t parent, uint64_t child, int64_t length,
                      std::optional<uint64_t> epoch = {}) {
    return kvsift::Fork(engine(), parent, child, length, epoch);
  }
  MutationResult Release(uint64_t id, std::optional<uint64_t> epoch = {}) {
    return kvsift::Release(engine(), id, epoch);
  }
};
INSTANTIATE_TEST_SUITE_P(AllBackends, Lifecycle, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(Lifecycle, TruncateShortensEveryLayerAndGivesANewEpoch) {
  const Bytes keys = RandomKeys(random_, 150);
  Append(1, 0, Slice(keys, 0, 100));
  AppendLayer(1, 7, 100, Slice(keys, 100, 150));
  const MutationResult result = Truncate(1, 120);
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.epoch, 2u);
  EXPECT_THAT(result.lengths, ElementsAre(100, 120));
  EXPECT_EQ(Info(1).pages, 2);
}

TEST_P(Lifecycle, TruncateAtOrAboveEveryLengthChangesNothing) {
  Append(1, 0, RandomKeys(random_, 10));
  EXPECT_EQ(Truncate(1, 10).epoch, 1u);
  EXPECT_EQ(Truncate(1, 11).epoch, 1u);
  EXPECT_TRUE(Truncate(1, 11).status.ok());
}

TEST_P(Lifecycle, TruncateThenAppendEqualsFresh) {
  const Bytes keys = RandomKeys(random_, 150);
  const Bytes other = RandomKeys(random_, 60);
  Append(1, 0, keys);
  Truncate(1, 70);
  EXPECT_TRUE(Append(1, 70, other).status.ok());
  ExpectHolds(1, Joined(Slice(keys, 0, 70), other));
}

TEST_P(Lifecycle, TruncateToNothingKeepsTheSequence) {
  Append(1, 0, RandomKeys(random_, 70));
  const int64_t full = test_.free_bytes();
  EXPECT_THAT(Truncate(1, 0).lengths, ElementsAre(0, 0));
  EXPECT_EQ(test_.free_bytes(), full + 2 * kSmallPageBytes);
  EXPECT_EQ(Info(1).epoch, 2u);
  EXPECT_EQ(Select(1).counts, std::vector<int32_t>(4, 0));
}

TEST_P(Lifecycle, ChecksEpochsFirst) {
  Append(1, 0, RandomKeys(random_, 70));
  EXPECT_EQ(Truncate(1, 3, 5).status.code(), StatusCode::kAborted);
  EXPECT_EQ(Truncate(1, 3, 5).epoch, 1u);
  EXPECT_EQ(Fork(1, 2, 3, 5).status.code(), StatusCode::kAborted);
  EXPECT_EQ(Release(1, 5).status.code(), StatusCode::kAborted);
  EXPECT_TRUE(Release(1, 1).status.ok());
}

TEST_P(Lifecycle, ASequenceThatDoesNotExistHasEpochZero) {
  EXPECT_EQ(Truncate(1, 3, 5).status.code(), StatusCode::kAborted);
  EXPECT_EQ(Release(1, 5).status.code(), StatusCode::kAborted);
  EXPECT_EQ(Fork(1, 2, 3, 5).status.code(), StatusCode::kAborted);
  EXPECT_EQ(Fork(1, 2, 3, 0).status.code(), StatusCode::kNotFound);
  Append(2, 0, RandomKeys(random_, 10));
  EXPECT_EQ(Fork(1, 2, 3, 5).status.code(), StatusCode::kAborted) << "before the child";
}

TEST_P(Lifecycle, UnknownSequencesAreNotFound) {
  EXPECT_EQ(Truncate(1, 3).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Release(1).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Fork(1, 2, 3).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Fork(1, 1, 3).status.code(), StatusCode::kNotFound);
}

TEST_P(Lifecycle, ForkSharesPagesAndDivergesOnWrite) {
  const Bytes keys = RandomKeys(random_, 100);
  const Bytes mine = RandomKeys(random_, 30);
  const Bytes theirs = RandomKeys(random_, 30);
  Append(1, 0, keys);
  const int64_t before = test_.free_bytes();
  const MutationResult child = Fork(1, 2, 90);
  EXPECT_TRUE(child.status.ok());
  EXPECT_EQ(child.epoch, 2u);
  EXPECT_THAT(child.lengths, ElementsAre(90, 90));
  EXPECT_EQ(test_.free_bytes(), before) << "a fork costs no page";
  EXPECT_TRUE(Append(2, 90, theirs).status.ok());
  EXPECT_EQ(test_.free_bytes(), before - kSmallPageBytes) << "one page was copied";
  EXPECT_TRUE(Append(1, 100, mine).status.ok());
  EXPECT_EQ(test_.free_bytes(), before - 2 * kSmallPageBytes) << "one more position page";
  ExpectHolds(1, Joined(keys, mine));
  ExpectHolds(2, Joined(Slice(keys, 0, 90), theirs));
}

TEST_P(Lifecycle, AForkOutlivesItsParent) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, keys);
  Fork(1, 2, 100);
  EXPECT_TRUE(Release(1).status.ok());
  ExpectHolds(2, keys);
  Fork(2, 3, 80);
  Release(2);
  ExpectHolds(3, Slice(keys, 0, 80));
}

TEST_P(Lifecycle, ForkSentAgainIsOkWhileTheChildIsUnchanged) {
  Append(1, 0, RandomKeys(random_, 100));
  EXPECT_EQ(Fork(1, 2, 50).epoch, 2u);
  EXPECT_EQ(Fork(1, 2, 50).epoch, 2u);
  EXPECT_EQ(Fork(1, 2, 51).status.code(), StatusCode::kAlreadyExists);
  Release(1);
  EXPECT_TRUE(Fork(1, 2, 50).status.ok()) << "even if the parent is gone";
  EXPECT_EQ(Fork(3, 2, 50).status.code(), StatusCode::kAlreadyExists);
  Append(2, 50, RandomKeys(random_, 1));
  EXPECT_EQ(Fork(1, 2, 50).status.code(), StatusCode::kAlreadyExists);
}

TEST_P(Lifecycle, ForkOntoItselfIsRefused) {
  Append(1, 0, RandomKeys(random_, 10));
  EXPECT_EQ(Fork(1, 1, 5).status.code(), StatusCode::kAlreadyExists);
}

TEST_P(Lifecycle, ForkOfNothingIsAnEmptySequence) {
  Append(1, 0, RandomKeys(random_, 10));
  EXPECT_THAT(Fork(1, 2, 0).lengths, ElementsAre(0, 0));
  const Bytes keys = RandomKeys(random_, 10);
  EXPECT_TRUE(Append(2, 0, keys).status.ok());
  ExpectHolds(2, keys);
}

TEST_P(Lifecycle, ReleaseGivesEveryPageBackAndIdsCanBeUsedAgain) {
  const int64_t before = test_.free_bytes();
  Append(1, 0, RandomKeys(random_, 100));
  Fork(1, 2, 100);
  Append(2, 100, RandomKeys(random_, 100));
  const MutationResult released = Release(1);
  EXPECT_EQ(released.epoch, 1u);
  EXPECT_THAT(released.lengths, ElementsAre(100, 100));
  EXPECT_TRUE(Release(2).status.ok());
  EXPECT_EQ(test_.free_bytes(), before);
  EXPECT_EQ(Append(1, 0, RandomKeys(random_, 1)).epoch, 3u) << "epochs are never reused";
}

TEST_P(Lifecycle, ListsSequencesInOrderAndPages) {
  for (const uint64_t id : {uint64_t{5}, UINT64_MAX, uint64_t{0}, uint64_t{7}}) {
    Append(id, 0, RandomKeys(random_, 1));
  }
  Release(5);
  const auto ids = [this](std::optional<uint64_t> after, int limit) {
    std::vector<uint64_t> found;
    const auto infos = engine().ListSequences("s", after, limit);
    for (const auto& info : *infos) found.push_back(info.id);
    return found;
  };
  EXPECT_THAT(ids({}, 10), ElementsAre(0, 7, UINT64_MAX));
  EXPECT_THAT(ids({}, 2), ElementsAre(0, 7));
  EXPECT_THAT(ids(0, 10), ElementsAre(7, UINT64_MAX));
  EXPECT_THAT(ids(UINT64_MAX, 10), ElementsAre());
}

}  // namespace
}  // namespace kvsift
