// What counts in a measurement.
#include "client/load/recorder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(RecorderTest, OnlyCallsThatWereToBeSentInTheWindowCount) {
  Recorder recorder(Scenario::kDecode, 100, 200);
  recorder.Done(Operation::kStep, 99, 150, {.rows = 1});
  recorder.Done(Operation::kStep, 100, 150, {.rows = 2, .keys_scanned = 3});
  recorder.Done(Operation::kStep, 199, 1000, {.rows = 4});
  recorder.Done(Operation::kStep, 200, 201, {.rows = 8});
  recorder.Failed(Operation::kStep, absl::StatusCode::kUnavailable, 99);
  recorder.Failed(Operation::kStep, absl::StatusCode::kUnavailable, 150);
  const Recorder::Result result = recorder.Take();
  EXPECT_EQ(result.requests, 2);
  EXPECT_EQ(result.work.rows, 6);
  EXPECT_EQ(result.work.keys_scanned, 3);
  EXPECT_EQ(result.last_finish, 1000);
  EXPECT_EQ(result.latency.Max(), 801);
  EXPECT_THAT(result.errors, ElementsAre(Pair("UNAVAILABLE", 1)));
}

TEST(RecorderTest, OtherOperationsHaveFiguresOfTheirOwn) {
  Recorder recorder(Scenario::kDecode, 0, 100);
  recorder.Done(Operation::kTruncate, 10, 90, {});
  recorder.Done(Operation::kStep, 10, 20, {});
  const Recorder::Result result = recorder.Take();
  EXPECT_EQ(result.requests, 1);
  EXPECT_EQ(result.latency.Max(), 10);
  EXPECT_EQ(result.operations[static_cast<int>(Operation::kTruncate)].latency.Max(), 80);
}

TEST(RecorderTest, CallsThatWereNeverSentCountWithTheTimeTheyWaited) {
  Recorder recorder(Scenario::kSelectOnly, 0, 100);
  recorder.NotSent(Operation::kSelect, 50, 500);
  const Recorder::Result result = recorder.Take();
  EXPECT_EQ(result.requests, 0);
  EXPECT_EQ(result.latency.Max(), 450);
  EXPECT_THAT(result.errors, ElementsAre(Pair("NOT_SENT", 1)));
}

TEST(RecorderTest, AnIntervalHoldsWhatHappenedSinceTheLast) {
  Recorder recorder(Scenario::kChurn, 0, 100);
  recorder.Done(Operation::kFork, 10, 20, {});
  recorder.Failed(Operation::kFork, absl::StatusCode::kInternal, 30);
  const Interval first = recorder.TakeInterval();
  EXPECT_EQ(first.latency.Count(), 1u);
  EXPECT_EQ(first.errors, 1);
  EXPECT_EQ(recorder.TakeInterval().latency.Count(), 0u);
}

}  // namespace
}  // namespace kvsift::load
