// How an append is cut into messages, and what is sent next after each kind of answer.
#include "client/cpp/append_progress.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kAttempts = 3;

AppendRequest Request(std::vector<AppendEntry> entries) {
  AppendRequest request;
  request.layer_ids = {0};
  request.entries = std::move(entries);
  return request;
}

EntryError Error(absl::StatusCode code, int64_t length, uint64_t epoch = 1) {
  return {0, absl::Status(code, "said so"), length, epoch};
}

TEST(AppendProgress, ALongEntryIsCutAndShortOnesShareAMessage) {
  const auto request = Request({{7, 0, 25, {}}, {8, 100, 3, {}}, {9, 5, 0, {}}});
  const AppendProgress progress(request, 10, kAttempts);
  EXPECT_THAT(
      progress.Plan(9),
      ElementsAre(ElementsAre(AppendSlice{0, 0, 10, {}}), ElementsAre(AppendSlice{0, 10, 10, {}}),
                  ElementsAre(AppendSlice{0, 20, 5, {}}, AppendSlice{1, 100, 3, {}},
                              AppendSlice{2, 5, 0, {}})));
  EXPECT_THAT(progress.Plan(2), SizeIs(2));
}

TEST(AppendProgress, AnAppendEndsWhenEveryEntryIsStored) {
  const auto request = Request({{7, 0, 12, {}}});
  AppendProgress progress(request, 10, kAttempts);
  EXPECT_FALSE(progress.Answered(progress.Plan(1)[0], {5}, {10}, {}));
  EXPECT_THAT(progress.Plan(9), ElementsAre(ElementsAre(AppendSlice{0, 10, 2, {}})));
  EXPECT_FALSE(progress.Answered(progress.Plan(1)[0], {5}, {12}, {}));
  EXPECT_THAT(progress.Plan(9), IsEmpty());
  const AppendResult result = progress.TakeResult();
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(result.epochs, ElementsAre(5));
  EXPECT_THAT(result.lengths, ElementsAre(12));
}

TEST(AppendProgress, AnEntryContinuesFromALengthThatItStillHolds) {
  const auto request = Request({{7, 4, 30, {}}});
  AppendProgress progress(request, 10, kAttempts);
  progress.Answered(progress.Plan(1)[0], {1}, {14}, {});
  progress.Answered(progress.Plan(1)[0], {}, {}, {Error(absl::StatusCode::kFailedPrecondition, 6)});
  EXPECT_THAT(progress.Plan(1), ElementsAre(ElementsAre(AppendSlice{0, 6, 10, {}})));
}

TEST(AppendProgress, ALengthBeforeTheRequestsKeysFailsTheEntry) {
  const auto request = Request({{7, 4, 30, {}}, {8, 0, 1, {}}});
  AppendProgress progress(request, 100, kAttempts);
  progress.Answered(progress.Plan(1)[0], {0, 1}, {3, 1},
                    {Error(absl::StatusCode::kFailedPrecondition, 3)});
  EXPECT_THAT(progress.Plan(1), IsEmpty());
  const AppendResult result = progress.TakeResult();
  ASSERT_THAT(result.errors, SizeIs(1));
  EXPECT_EQ(result.errors[0].entry, 0);
  EXPECT_THAT(result.lengths, ElementsAre(3, 1));
}

TEST(AppendProgress, DifferentKeysFailTheEntry) {
  const auto request = Request({{7, 0, 10, {}}});
  AppendProgress progress(request, 10, kAttempts);
  progress.Answered(progress.Plan(1)[0], {1}, {10},
                    {Error(absl::StatusCode::kFailedPrecondition, 10)});
  EXPECT_THAT(progress.Plan(1), IsEmpty());
  EXPECT_FALSE(progress.TakeResult().ok());
}

TEST(AppendProgress, FallingBehindAgainAndAgainEnds) {
  const auto request = Request({{7, 0, 20, {}}});
  AppendProgress progress(request, 10, kAttempts);
  int rounds = 0;
  for (; !progress.Plan(1).empty() && rounds < 100; ++rounds) {
    const AppendMessage message = progress.Plan(1)[0];
    if (message[0].start == 0) {
      progress.Answered(message, {1}, {10}, {});
    } else {
      progress.Answered(message, {0}, {0}, {Error(absl::StatusCode::kFailedPrecondition, 0, 0)});
    }
  }
  EXPECT_EQ(rounds, 2 * kAttempts);
  EXPECT_FALSE(progress.TakeResult().ok());
}

TEST(AppendProgress, AnUnavailableEntryIsSentAgainAFewTimes) {
  const auto request = Request({{7, 0, 5, {}}});
  AppendProgress progress(request, 10, kAttempts);
  const EntryError unavailable = Error(absl::StatusCode::kUnavailable, 0);
  EXPECT_TRUE(progress.Answered(progress.Plan(1)[0], {0}, {0}, {unavailable}));
  EXPECT_TRUE(progress.Answered(progress.Plan(1)[0], {0}, {0}, {unavailable}));
  EXPECT_FALSE(progress.Answered(progress.Plan(1)[0], {0}, {0}, {unavailable}));
  EXPECT_THAT(progress.Plan(1), IsEmpty());
}

TEST(AppendProgress, TheFirstSliceExpectsTheDemandedEpochAndLaterOnesTheCurrentOne) {
  const auto request = Request({{7, 0, 15, 0}});
  AppendProgress progress(request, 10, kAttempts);
  EXPECT_THAT(progress.Plan(9), ElementsAre(ElementsAre(AppendSlice{0, 0, 10, 0})));
  progress.Answered(progress.Plan(1)[0], {33}, {10}, {});
  EXPECT_THAT(progress.Plan(9), ElementsAre(ElementsAre(AppendSlice{0, 10, 5, 33})));
}

TEST(AppendProgress, AStaleEpochFailsTheEntry) {
  const auto request = Request({{7, 0, 5, 2}});
  AppendProgress progress(request, 10, kAttempts);
  progress.Answered(progress.Plan(1)[0], {3}, {5}, {Error(absl::StatusCode::kAborted, 5, 3)});
  EXPECT_THAT(progress.Plan(1), IsEmpty());
  EXPECT_TRUE(absl::IsAborted(progress.TakeResult().errors[0].status));
}

// The first send created the sequence, so the second finds an epoch it does not expect.
TEST(AppendProgress, AStaleEpochAfterALostAnswerIsLookedInto) {
  const auto request = Request({{7, 0, 5, 0}});
  AppendProgress progress(request, 10, kAttempts);
  progress.Lost(progress.Plan(1)[0]);
  progress.Answered(progress.Plan(1)[0], {3}, {5}, {Error(absl::StatusCode::kAborted, 5, 3)});
  EXPECT_THAT(progress.Plan(1), ElementsAre(ElementsAre(AppendSlice{0, 0, 5, 3})));
  progress.Answered(progress.Plan(1)[0], {3}, {5}, {Error(absl::StatusCode::kAborted, 5, 4)});
  EXPECT_THAT(progress.Plan(1), IsEmpty());  // but once only
}

TEST(AppendProgress, EntriesInTheMiddleOfAStreamAreUntoldUntilAsked) {
  const auto request = Request({{7, 0, 10, {}}, {8, 0, 10, {}}});
  AppendProgress progress(request, 10, kAttempts);
  const auto plan = progress.Plan(2);
  progress.Stored(plan[0]);
  progress.Answered(plan[1], {2}, {10}, {});
  EXPECT_THAT(progress.Untold(), ElementsAre(0));
  progress.Tell(0, 1, 10);
  EXPECT_THAT(progress.Untold(), IsEmpty());
}

}  // namespace
}  // namespace kvsift::client
