#include "server/rpc/rate_limit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace kvsift {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimit, LetsABurstThroughAndThenOneAnInterval) {
  RateLimit limit(3, seconds(1));
  RateLimit::Clock::time_point now{seconds(1000)};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.Admit(now), 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Admit(now), std::nullopt);
  now += milliseconds(999);
  EXPECT_EQ(limit.Admit(now), std::nullopt);
  now += milliseconds(1);
  EXPECT_EQ(limit.Admit(now), 6);
  EXPECT_EQ(limit.Admit(now), std::nullopt);
  now += seconds(2);
  EXPECT_EQ(limit.Admit(now), 1);
  EXPECT_EQ(limit.Admit(now), 0);
  EXPECT_EQ(limit.Admit(now), std::nullopt);
}

TEST(RateLimit, SavesUpNoMoreThanABurst) {
  RateLimit limit(2, seconds(1));
  RateLimit::Clock::time_point now{seconds(1000)};
  EXPECT_TRUE(limit.Admit(now).has_value());
  now += seconds(1000);
  EXPECT_TRUE(limit.Admit(now).has_value());
  EXPECT_TRUE(limit.Admit(now).has_value());
  EXPECT_FALSE(limit.Admit(now).has_value());
}

}  // namespace
}  // namespace kvsift
