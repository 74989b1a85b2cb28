// Which step is sent next, and which have failed, after each kind of event.
#include "client/cpp/step_table.h"

#include "absl/time/clock.h"
#include "client/cpp/step_message.h"
#include "client/cpp/timer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::UnixEpoch();

absl::Time At(int seconds) { return kStart + absl::Seconds(seconds); }

class StepTableTest : public testing::Test {
 protected:
  void Add(int deadline = 100) {
    auto step = std::make_unique<PendingStep>();
    step->deadline = At(deadline);
    table_.Add(std::move(step));
  }

  // Sends all there is to send.
  std::vector<uint64_t> Sent(int now = 0) {
    std::vector<uint64_t> ids;
    while (true) {
      const auto [id, step] = table_.TakeUnsent(At(now));
      if (step == nullptr) return ids;
      ids.push_back(id);
    }
  }

  CallsInFlight calls_;
  StepTable table_{4, 3};
};

TEST_F(StepTableTest, StepsAreSentOnceInTheirOrder) {
  for (int i = 0; i < 3; ++i) Add();
  EXPECT_THAT(Sent(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Sent(), IsEmpty());
  Add();
  EXPECT_FALSE(table_.has_room());
  EXPECT_THAT(Sent(), ElementsAre(4));
  EXPECT_NE(table_.TakeAnswered(2), nullptr);
  EXPECT_EQ(table_.TakeAnswered(2), nullptr);
  EXPECT_EQ(table_.TakeAnswered(0), nullptr);
  EXPECT_TRUE(table_.has_room());
}

TEST_F(StepTableTest, AStepThatIsSentAgainGoesBeforeThoseAfterIt) {
  for (int i = 0; i < 3; ++i) Add();
  Sent();
  Add();
  EXPECT_EQ(table_.SendAgain(3), nullptr);
  EXPECT_EQ(table_.SendAgain(1), nullptr);
  EXPECT_EQ(table_.SendAgain(99), nullptr);
  EXPECT_THAT(Sent(), ElementsAre(1, 3, 4));
}

TEST_F(StepTableTest, ABreakMakesAllUnsent) {
  for (int i = 0; i < 4; ++i) Add();
  Sent();
  table_.TakeAnswered(3);
  EXPECT_THAT(table_.SendAllAgain(), IsEmpty());
  EXPECT_THAT(Sent(), ElementsAre(1, 2, 4));
}

TEST_F(StepTableTest, AStepIsGivenUpAfterItsAttempts) {
  Add();
  EXPECT_THAT(table_.SendAllAgain(), IsEmpty());
  Add();
  EXPECT_EQ(table_.SendAgain(1), nullptr);
  EXPECT_THAT(table_.SendAllAgain(), SizeIs(1));
  EXPECT_THAT(Sent(), ElementsAre(2));
  EXPECT_EQ(table_.SendAgain(2), nullptr);
  EXPECT_NE(table_.SendAgain(2), nullptr);
  EXPECT_TRUE(table_.empty());
}

TEST_F(StepTableTest, StepsExpireByTheirDeadlines) {
  EXPECT_EQ(table_.FirstDeadline(), absl::InfiniteFuture());
  for (const int deadline : {30, 10, 20, 40}) Add(deadline);
  EXPECT_EQ(table_.FirstDeadline(), At(10));
  EXPECT_THAT(Sent(10), ElementsAre(1, 3, 4));  // the second is due, but not taken yet
  EXPECT_FALSE(table_.has_room());
  const auto expired = table_.TakeExpired(At(20));
  ASSERT_THAT(expired, SizeIs(2));
  EXPECT_EQ(expired[0]->deadline, At(10));
  EXPECT_EQ(expired[1]->deadline, At(20));
  EXPECT_EQ(table_.FirstDeadline(), At(30));
  EXPECT_THAT(table_.TakeAll(), SizeIs(2));
  EXPECT_TRUE(table_.empty());
  EXPECT_EQ(table_.FirstDeadline(), absl::InfiniteFuture());
}

// What the server makes of a message.
v1::StreamStepsRequest Parsed(uint64_t id, absl::Duration rest, const grpc::Slice& body) {
  grpc::ByteBuffer bytes = MakeStepMessage(id, rest, body);
  grpc::Slice slice;
  EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
  v1::StreamStepsRequest request;
  EXPECT_TRUE(request.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
  return request;
}

TEST(StepMessage, IsAStreamStepsRequest) {
  v1::StepRequest step;
  step.set_store("a store");
  step.mutable_keys()->set_keys(std::string(300, 'k'));
  const auto body = MakeStepBody(step, "", 1 << 20);
  ASSERT_TRUE(body.ok()) << body.status();
  const auto request = Parsed(~uint64_t{0}, absl::Seconds(3), *body);
  EXPECT_EQ(request.id(), ~uint64_t{0});
  EXPECT_EQ(request.timeout_us(), 3'000'000);
  EXPECT_EQ(request.step().SerializeAsString(), step.SerializeAsString());
}

TEST(StepMessage, SaysWhichTraceItBelongsTo) {
  v1::StepRequest step;
  step.set_store("a store");
  const auto body = MakeStepBody(step, "a trace", 1 << 20);
  ASSERT_TRUE(body.ok()) << body.status();
  const auto request = Parsed(1, absl::Seconds(3), *body);
  EXPECT_EQ(request.traceparent(), "a trace");
  EXPECT_EQ(request.step().store(), "a store");
}

TEST(StepMessage, ARestOfTimeIsRoundedUp) {
  const auto body = MakeStepBody({}, "", 1 << 20);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(Parsed(1, absl::Nanoseconds(1), *body).timeout_us(), 1);
  EXPECT_EQ(Parsed(1, absl::Nanoseconds(1001), *body).timeout_us(), 2);
  EXPECT_EQ(Parsed(1, absl::InfiniteDuration(), *body).timeout_us(), 0);
  EXPECT_EQ(Parsed(1, absl::Seconds(INT64_MAX), *body).timeout_us(), INT64_MAX);
}

TEST(StepMessage, TheWholeOfItCountsForTheLimit) {
  v1::StepRequest step;
  step.set_store(std::string(1000, 's'));
  int64_t bytes = 1000;
  while (!MakeStepBody(step, "trace", bytes).ok()) ++bytes;
  grpc::ByteBuffer largest =
      MakeStepMessage(1, absl::Seconds(INT64_MAX), *MakeStepBody(step, "trace", bytes));
  EXPECT_LE(static_cast<int64_t>(largest.Length()), bytes);
  EXPECT_GE(static_cast<int64_t>(largest.Length()), bytes - 1);
}

TEST(TimerTest, AlarmsGoOffInTheOrderOfTheirTimes) {
  absl::Mutex mutex;
  std::vector<int> order;
  {
    Timer timer;
    std::vector<int> alarms;
    for (int i = 0; i < 3; ++i) {
      alarms.push_back(timer.AddAlarm([&, i] {
        absl::MutexLock lock(&mutex);
        order.push_back(i);
      }));
    }
    const absl::Time now = absl::Now();
    timer.Set(alarms[0], now + absl::Hours(1));
    timer.Set(alarms[1], now + absl::Milliseconds(20));
    timer.Set(alarms[2], now + absl::Milliseconds(10));
    timer.Set(alarms[0], now + absl::Milliseconds(30));
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(
        +[](std::vector<int>* all) { return all->size() == 3; }, &order));
    timer.Set(alarms[0], now + absl::Hours(1));  // dropped at the end
  }
  EXPECT_THAT(order, ElementsAre(2, 1, 0));
}

}  // namespace
}  // namespace kvsift::client
