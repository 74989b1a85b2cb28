// The search for the highest rate, and what a server's metrics say.
#include "client/load/find_max.h"
#include "client/load/metrics_scrape.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

using testing::HasSubstr;

RunRate KeepsUpTo(double limit) {
  return [limit](double rate) { return RateTrial{rate, rate, 1, rate <= limit}; };
}

TEST(FindMaxRateTest, ComesCloseToTheLimitFromBelow) {
  for (const double limit : {200.0, 950.0, 1900.0, 3000.0}) {
    const MaxRate found = FindMaxRate(1000, KeepsUpTo(limit));
    EXPECT_LE(found.rate, limit);
    EXPECT_GE(found.rate, 0.94 * limit);
    EXPECT_GT(found.fails_at, limit);
    EXPECT_EQ(found.kept, 3);
  }
}

TEST(FindMaxRateTest, ARateThatIsKeptOnceByLuckIsLowered) {
  int trials = 0;
  const MaxRate found = FindMaxRate(1000, [&trials](double rate) {
    // The first trials are all lucky.
    return RateTrial{rate, rate, 1, ++trials <= 6 ? rate < 900 : rate <= 700};
  });
  EXPECT_LE(found.rate, 700);
  EXPECT_GE(found.rate, 600);
}

TEST(FindMaxRateTest, NothingIsFoundWhereNothingIsKept) {
  const MaxRate found = FindMaxRate(1000, KeepsUpTo(0));
  EXPECT_EQ(found.rate, 0);
  EXPECT_THAT(MaxRateText(*ParseObjective("p99=5ms"), found), HasSubstr("no rate"));
}

TEST(FindMaxRateTest, AnInterruptEndsTheSearch) {
  int trials = 0;
  FindMaxRate(1000, [&trials](double rate) -> std::optional<RateTrial> {
    if (++trials == 3) return std::nullopt;
    return RateTrial{rate, rate, 1, false};
  });
  EXPECT_EQ(trials, 3);
}

TEST(ObjectiveTest, IsReadAndPrinted) {
  const auto objective = ParseObjective("p999=1500us");
  ASSERT_TRUE(objective.ok()) << objective.status();
  EXPECT_EQ(objective->share, 0.999);
  EXPECT_EQ(objective->limit_ns, 1'500'000);
  EXPECT_EQ(objective->Text(), "p999=1.5ms");
  for (const char* text : {"", "p99", "p98=1ms", "p99=", "p99=0", "p99=-1ms", "p99=5"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseObjective(text).status())) << text;
  }
}

TEST(ObjectiveTest, ATrialThatFallsBehindDoesNotKeepIt) {
  const Objective objective = *ParseObjective("p99=5ms");
  Trial trial;
  trial.duration_s = 1;
  trial.intervals.resize(1);
  for (int i = 0; i < 100; ++i) {
    trial.result.latency.Record(1'000'000);
    trial.intervals[0].calls.latency.Record(1'000'000);
  }
  trial.result.requests = 100;
  EXPECT_TRUE(Judge(objective, 100, trial).kept);
  trial.result.requests = 110;  // ten were served behind the end
  EXPECT_FALSE(Judge(objective, 100, trial).kept);
  trial.result.requests = 100;
  trial.result.errors["UNAVAILABLE"] = 1;
  EXPECT_FALSE(Judge(objective, 100, trial).kept);
}

constexpr char kMetrics[] =
    "# HELP kvsift_batch_works works of a batch\n"
    "# TYPE kvsift_batch_works histogram\n"
    "kvsift_batch_works_bucket{device=\"0\",le=\"1\"} 10\n"
    "kvsift_batch_works_bucket{device=\"0\",le=\"2\"} 30\n"
    "kvsift_batch_works_bucket{device=\"0\",le=\"+Inf\"} 40\n"
    "kvsift_batch_works_sum{device=\"0\"} 100\n"
    "kvsift_batch_works_count{device=\"0\"} 40\n"
    "kvsift_stage_duration_seconds_bucket{stage=\"queue\",le=\"0.001\"} 5\n"
    "kvsift_stage_duration_seconds_bucket{stage=\"queue\",le=\"+Inf\"} 5\n"
    "kvsift_stage_duration_seconds_bucket{stage=\"device\",le=\"0.002\"} 7\n";

TEST(MetricsScrapeTest, HistogramsAreReadByNameAndLabel) {
  const ScrapedHistogram works = FindHistogram(kMetrics, "kvsift_batch_works", "");
  EXPECT_EQ(works.count, 40);
  EXPECT_EQ(works.Mean(), 2.5);
  EXPECT_EQ(works.Quantile(0.5), 1.5);  // half of the second bucket
  EXPECT_EQ(works.Quantile(1), 2);      // beyond the last bound nothing is known
  const auto queue = FindHistogram(kMetrics, "kvsift_stage_duration_seconds", "stage=\"queue\"");
  EXPECT_EQ(queue.buckets.size(), 2u);
  EXPECT_EQ(queue.buckets.begin()->second, 5);
  EXPECT_EQ(FindHistogram(kMetrics, "kvsift_batch_rows", "").count, 0);
}

TEST(MetricsScrapeTest, TheDifferenceOfTwoScrapesIsWhatHappenedBetween) {
  const ScrapedHistogram before = FindHistogram(kMetrics, "kvsift_batch_works", "");
  ScrapedHistogram after = before;
  after.count += 10;
  after.sum += 40;
  EXPECT_EQ((after - before).Mean(), 4);
  // A restarted server starts again.
  EXPECT_EQ((before - after).count, before.count);
}

TEST(MetricsScrapeTest, ASilentEndpointIsNoError) {
  EXPECT_FALSE(MetricsScrape("").Take().has_value());
  EXPECT_FALSE(MetricsScrape("127.0.0.1:1").Take().has_value());
}

}  // namespace
}  // namespace kvsift::load
