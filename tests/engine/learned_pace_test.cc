#include "server/engine/learned_pace.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kvsift {
namespace {

constexpr Pace kStated = {.key_bytes_per_us = 4000, .scores_per_us = 1000};
constexpr double kPlannedUs = 500;

BackendInfo Device(DeviceSharing sharing = DeviceSharing::kNotShared) {
  BackendInfo info;
  info.sharing = sharing;
  info.pace = kStated;
  return info;
}

// A device that takes `slowness` times as long as stated for batches that are planned by `pace`.
// Returns how long the last one took, in microseconds.
double RunBatches(LearnedPace& pace, double slowness, int batches = 200) {
  Clock::time_point now{std::chrono::seconds(1)};
  double took = 0;
  for (int i = 0; i < batches; ++i) {
    const double work = kPlannedUs * static_cast<double>(pace.pace().scores_per_us);
    took = slowness * work / static_cast<double>(kStated.scores_per_us);
    const Clock::time_point submitted = now;
    now += std::chrono::nanoseconds(static_cast<int64_t>(took * 1000));
    pace.Learn(kPlannedUs, submitted, now);
  }
  return took;
}

TEST(LearnedPaceTest, BatchesComeToTakeWhatIsPlanned) {
  LearnedPace pace(Device());
  EXPECT_NEAR(RunBatches(pace, 5, 1), 5 * kPlannedUs, 1);
  EXPECT_NEAR(RunBatches(pace, 5), kPlannedUs, 10);
  EXPECT_NEAR(static_cast<double>(pace.pace().scores_per_us), 200, 5);
  EXPECT_NEAR(static_cast<double>(pace.pace().key_bytes_per_us), 800, 20);
  EXPECT_NEAR(RunBatches(pace, 1), kPlannedUs, 10) << "when others have left the processor";
}

TEST(LearnedPaceTest, ADeviceIsNeverPlannedFasterThanStated) {
  LearnedPace pace(Device());
  RunBatches(pace, 0.2);
  EXPECT_EQ(pace.pace().scores_per_us, kStated.scores_per_us);
}

TEST(LearnedPaceTest, AStallAndSmallBatchesSayLittle) {
  LearnedPace pace(Device());
  const Clock::time_point now{std::chrono::seconds(1)};
  pace.Learn(kPlannedUs, now, now + std::chrono::hours(1));
  EXPECT_GT(pace.pace().scores_per_us, kStated.scores_per_us / 3);
  LearnedPace other(Device());
  for (int i = 0; i < 100; ++i) {
    other.Learn(1, now + i * std::chrono::milliseconds(2), now + i * std::chrono::milliseconds(3));
  }
  EXPECT_EQ(other.pace().scores_per_us, kStated.scores_per_us);
}

// What waited for the batch before it was not its own time.
TEST(LearnedPaceTest, ABatchBehindAnotherBeginsWhenThatIsDone) {
  LearnedPace pace(Device());
  const Clock::time_point start{std::chrono::seconds(1)};
  for (int i = 1; i <= 100; ++i) {
    const Clock::time_point done = start + i * std::chrono::microseconds(500);
    pace.Learn(kPlannedUs, done - std::chrono::microseconds(1000), done);
  }
  EXPECT_GT(pace.pace().scores_per_us, kStated.scores_per_us * 9 / 10);
}

// Quick works are done while a batch is under way, on threads of their own.
TEST(LearnedPaceTest, SmallBatchesInBetweenAreNoExcuse) {
  LearnedPace pace(Device());
  Clock::time_point now{std::chrono::seconds(1)};
  for (int i = 0; i < 100; ++i) {
    const Clock::time_point submitted = now;
    now += std::chrono::nanoseconds(static_cast<int64_t>(kPlannedUs * 5000));
    pace.Learn(1, now - std::chrono::microseconds(20), now - std::chrono::microseconds(10));
    pace.Learn(kPlannedUs, submitted, now);
  }
  EXPECT_LT(pace.pace().scores_per_us, kStated.scores_per_us / 4);
}

TEST(LearnedPaceTest, AGpuIsTakenAtItsWord) {
  for (const DeviceSharing sharing : {DeviceSharing::kTimeSliced, DeviceSharing::kMps}) {
    const LearnedPace pace(Device(sharing));
    EXPECT_FALSE(pace.learns());
    EXPECT_EQ(pace.pace().scores_per_us, kStated.scores_per_us);
  }
}

}  // namespace
}  // namespace kvsift
