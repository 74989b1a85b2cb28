#include "client/load/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

constexpr double kShares[] = {0, 0.001, 0.07, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};

// From 100 ns to 1000 s, each power of ten as likely as the other.
std::vector<int64_t> RandomLatencies(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(2, 12);
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = std::llround(std::pow(10, exponent(random)));
  return values;
}

LatencyHistogram Recorded(const std::vector<int64_t>& values) {
  LatencyHistogram histogram;
  for (const int64_t value : values) histogram.Record(value);
  return histogram;
}

// By the definition: the first value, in order, that at least `share` of all do not exceed. In
// whole ten-thousandths, which all shares here are: nothing is rounded.
int64_t ExactQuantile(std::vector<int64_t> values, double share) {
  std::sort(values.begin(), values.end());
  const int64_t parts = std::llround(share * 10000);
  size_t at = 0;
  while (static_cast<int64_t>(at + 1) * 10000 < parts * static_cast<int64_t>(values.size())) ++at;
  return values[at];
}

TEST(LatencyHistogram, QuantilesAreWithinOnePercentOfExactOnes) {
  for (const size_t count : {1, 2, 3, 100, 1000, 50000}) {
    const std::vector<int64_t> values = RandomLatencies(count, count);
    const LatencyHistogram histogram = Recorded(values);
    for (const double share : kShares) {
      const auto exact = static_cast<double>(ExactQuantile(values, share));
      EXPECT_NEAR(static_cast<double>(histogram.Quantile(share)), exact, exact * 0.004)
          << share << " of " << count;
    }
  }
}

TEST(LatencyHistogram, CountSumMinAndMaxAreExact) {
  const std::vector<int64_t> values = RandomLatencies(1000, 7);
  const LatencyHistogram histogram = Recorded(values);
  double sum = 0;
  for (const int64_t value : values) sum += static_cast<double>(value);
  EXPECT_EQ(histogram.Count(), 1000U);
  EXPECT_DOUBLE_EQ(histogram.Sum(), sum);
  EXPECT_DOUBLE_EQ(histogram.Mean(), sum / 1000);
  EXPECT_EQ(histogram.Min(), *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.Max(), *std::max_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.Quantile(0), histogram.Min());
  EXPECT_EQ(histogram.Quantile(1), histogram.Max());
}

// Two values beside v, so that the middle one is read from its bucket.
TEST(LatencyHistogram, EveryBoundaryOfBucketsIsWithinItsError) {
  for (int bit = 0; bit < 39; ++bit) {
    for (const int64_t offset : {-1, 0, 1}) {
      const int64_t value = std::max<int64_t>((int64_t{1} << bit) + offset, 0);
      const LatencyHistogram histogram = Recorded({0, value, int64_t{1} << 40});
      EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), static_cast<double>(value),
                  static_cast<double>(value) * 0.004);
    }
  }
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  for (int64_t value = 0; value < 256; ++value) {
    EXPECT_EQ(Recorded({0, value, 1000}).Quantile(0.5), value);
  }
}

TEST(LatencyHistogram, MergedPartsEqualTheWhole) {
  const std::vector<int64_t> values = RandomLatencies(3000, 3);
  LatencyHistogram merged = Recorded({values.begin(), values.begin() + 1000});
  merged.Merge(Recorded({values.begin() + 1000, values.end()}));
  merged.Merge(LatencyHistogram());
  const LatencyHistogram whole = Recorded(values);
  EXPECT_EQ(merged.Count(), whole.Count());
  EXPECT_EQ(merged.Min(), whole.Min());
  for (const double share : kShares) EXPECT_EQ(merged.Quantile(share), whole.Quantile(share));
}

TEST(LatencyHistogram, WhatIsOutOfRangeKeepsItsMaximum) {
  const int64_t day = int64_t{86400} * 1'000'000'000;
  const LatencyHistogram histogram = Recorded({-5, day, day});
  EXPECT_EQ(histogram.Min(), 0);
  EXPECT_EQ(histogram.Max(), day);
  EXPECT_GE(histogram.Quantile(0.5), int64_t{990} * 1'000'000'000);
}

TEST(LatencyHistogram, EmptyOrClearedIsAllZero) {
  LatencyHistogram histogram = Recorded({100, 200, 300});
  histogram.Clear();
  for (const LatencyHistogram& empty : {LatencyHistogram(), histogram}) {
    EXPECT_EQ(empty.Count(), 0U);
    EXPECT_EQ(empty.Min(), 0);
    EXPECT_EQ(empty.Max(), 0);
    EXPECT_EQ(empty.Mean(), 0);
    EXPECT_EQ(empty.Quantile(0.99), 0);
  }
  histogram.Record(50);
  EXPECT_EQ(histogram.Min(), 50);
}

}  // namespace
}  // namespace kvsift::load
