// When calls start, and what their latency counts from.
#include <algorithm>
#include <vector>

#include "client/load/pacing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/load_fake_clock.h"

namespace kvsift::load {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMs = 1'000'000;

// Takes 0.1 ms per call, but answers nothing while it is stalled.
class FakeServer final : public Worker {
 public:
  explicit FakeServer(FakeClock& clock) : clock_(clock) {}

  void Start(Pacing& pacing, int64_t intended) override {
    const bool stalled = clock_.Now() >= stall_begin && clock_.Now() < stall_end;
    const int64_t done = (stalled ? stall_end : clock_.Now()) + kMs / 10;
    starts.push_back(clock_.Now());
    clock_.At(done, [this, &pacing, intended] {
      latencies.push_back(clock_.Now() - intended);
      pacing.Ready(*this);
    });
  }

  int64_t stall_begin = 0;
  int64_t stall_end = 0;
  std::vector<int64_t> starts;
  std::vector<int64_t> latencies;

 private:
  FakeClock& clock_;
};

int64_t CountAbove(const std::vector<int64_t>& latencies, int64_t limit) {
  return std::count_if(latencies.begin(), latencies.end(),
                       [limit](int64_t latency) { return latency > limit; });
}

TEST(OpenLoopTest, MeasuresFromTheIntendedTimeEvenWhenTheServerStalls) {
  FakeClock clock;
  FakeServer server(clock);
  server.stall_begin = 100 * kMs;
  server.stall_end = 600 * kMs;
  OpenLoop loop(clock, ArrivalSchedule(1000, Arrival::kConstant, 0, 1), {0, 1000 * kMs});
  loop.Begin({&server});
  clock.AdvanceTo(2000 * kMs);
  EXPECT_TRUE(loop.Drained());
  ASSERT_THAT(server.latencies, SizeIs(999));
  // 500 calls were to be sent in the stall: those of its first 440 ms waited more than 100 ms.
  EXPECT_NEAR(static_cast<double>(CountAbove(server.latencies, 100 * kMs)), 444, 3);
  EXPECT_NEAR(
      static_cast<double>(*std::max_element(server.latencies.begin(), server.latencies.end())),
      500.1 * kMs, kMs);
  // All were caught up with before the end: the last ones were served at once.
  EXPECT_EQ(server.latencies.back(), kMs / 10);
}

TEST(OpenLoopTest, AStallWouldBeOneSlowCallIfTheLoopWereClosed) {
  FakeClock clock;
  FakeServer server(clock);
  server.stall_begin = 100 * kMs;
  server.stall_end = 600 * kMs;
  ClosedLoop loop(clock, {});
  loop.Begin({&server});
  clock.AdvanceTo(1000 * kMs);
  EXPECT_EQ(CountAbove(server.latencies, 100 * kMs), 1);
}

TEST(OpenLoopTest, WhatWasNeverSentIsTold) {
  FakeClock clock;
  FakeServer server(clock);
  server.stall_end = 1000 * kMs;
  OpenLoop loop(clock, ArrivalSchedule(1000, Arrival::kConstant, 0, 1), {0, 10 * kMs});
  loop.Begin({&server});
  clock.AdvanceTo(500 * kMs);
  EXPECT_FALSE(loop.Drained());
  loop.Stop();
  clock.AdvanceTo(1001 * kMs);
  loop.WaitIdle();
  EXPECT_THAT(loop.Unsent(),
              ElementsAre(2 * kMs, 3 * kMs, 4 * kMs, 5 * kMs, 6 * kMs, 7 * kMs, 8 * kMs, 9 * kMs));
}

TEST(OpenLoopTest, WhatWaitsFromTheWarmUpIsDroppedWhenTheMeasurementBegins) {
  FakeClock clock;
  FakeServer server(clock);
  server.stall_end = 20 * kMs;
  OpenLoop loop(clock, ArrivalSchedule(1000, Arrival::kConstant, 0, 1), {10 * kMs, 30 * kMs});
  loop.Begin({&server});
  clock.AdvanceTo(100 * kMs);
  // One that was sent in the warm-up, and 20 that arrived in the measurement.
  EXPECT_THAT(server.latencies, SizeIs(21));
  EXPECT_EQ(server.latencies[1], 102 * kMs / 10);  // came at 10 ms, answered at 20.2 ms
}

TEST(OpenLoopTest, FreeWorkersShareTheArrivals) {
  FakeClock clock;
  FakeServer slow(clock);
  FakeServer other(clock);
  slow.stall_end = other.stall_end = 100 * kMs;
  OpenLoop loop(clock, ArrivalSchedule(1000, Arrival::kConstant, 0, 1), {0, 10 * kMs});
  loop.Begin({&slow, &other});
  clock.AdvanceTo(10 * kMs);
  EXPECT_THAT(slow.starts, ElementsAre(1 * kMs));
  EXPECT_THAT(other.starts, ElementsAre(2 * kMs));
}

TEST(ClosedLoopTest, TheNextCallFollowsTheAnswerAfterTheThinkTime) {
  FakeClock clock;
  FakeServer server(clock);
  ClosedLoop loop(clock, {.think_ns = kMs});
  loop.Begin({&server});
  clock.AdvanceTo(3 * kMs);
  EXPECT_THAT(server.starts, ElementsAre(0, 11 * kMs / 10, 22 * kMs / 10));
  EXPECT_THAT(server.latencies, Each(kMs / 10));
  loop.Stop();
  clock.AdvanceTo(10 * kMs);
  loop.WaitIdle();
  EXPECT_THAT(server.starts, SizeIs(3));
}

TEST(ClosedLoopTest, WorkersBeginOneByOneOverTheRamp) {
  FakeClock clock;
  FakeServer first(clock);
  FakeServer second(clock);
  ClosedLoop loop(clock, {.ramp_ns = 10 * kMs});
  loop.Begin({&first, &second});
  clock.AdvanceTo(4 * kMs);
  EXPECT_THAT(second.starts, IsEmpty());
  clock.AdvanceTo(6 * kMs);
  EXPECT_EQ(second.starts.front(), 5 * kMs);
}

TEST(ArrivalScheduleTest, TheRateIsKeptBehindTheRampAndHalfOfItInside) {
  for (const Arrival arrival : {Arrival::kPoisson, Arrival::kConstant}) {
    ArrivalSchedule schedule(10000, arrival, 1000 * kMs, 7);
    int in_ramp = 0;
    int behind = 0;
    int64_t last = 0;
    for (int64_t time = 0; (time = schedule.Next()) < 2000 * kMs;) {
      EXPECT_GE(time, last);
      last = time;
      ++(time < 1000 * kMs ? in_ramp : behind);
    }
    EXPECT_NEAR(in_ramp, 5000, 300);
    EXPECT_NEAR(behind, 10000, 400);
  }
}

TEST(ArrivalScheduleTest, PoissonGapsSpreadAsTheyShould) {
  ArrivalSchedule schedule(1000, Arrival::kPoisson, 0, 3);
  int longer_than_mean = 0;
  int64_t last = 0;
  for (int i = 0; i < 10000; ++i) {
    const int64_t time = schedule.Next();
    longer_than_mean += time - last > kMs ? 1 : 0;
    last = time;
  }
  EXPECT_NEAR(longer_than_mean, 3679, 200);  // 1/e
}

}  // namespace
}  // namespace kvsift::load
