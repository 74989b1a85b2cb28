#include "client/load/noise.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

constexpr int kTrials = 100;

// Latencies around `middle` with a spread of a tenth and a long tail. Each carries on `memory` of
// what its predecessor deviated by.
std::vector<double> Run(size_t count, double middle, double memory, std::mt19937_64& random) {
  std::normal_distribution<double> deviation(0, 0.1);
  std::vector<double> values;
  double carried = 0;
  for (size_t i = 0; i < count; ++i) {
    carried = memory * carried + deviation(random);
    values.push_back(middle * std::exp(carried + (random() % 20 == 0 ? 1 : 0)));
  }
  return values;
}

// In how many of 100 trials runs of `count` intervals, b's `shift` times as slow, are told apart.
int ToldApart(size_t count, double shift, double memory) {
  int apart = 0;
  for (uint64_t seed = 0; seed < kTrials; ++seed) {
    std::mt19937_64 random(seed);
    const std::vector<double> a = Run(count, 100, memory, random);
    const std::vector<double> b = Run(count, 100 * shift, memory, random);
    const Shift found = ShiftBetween(a, b);
    if (found == Shift::kHigher || found == Shift::kLower) ++apart;
  }
  return apart;
}

TEST(Noise, RunsThatAreAlikeAreWithinNoise) {
  for (const size_t count : {8, 16, 40, 200}) EXPECT_LE(ToldApart(count, 1, 0), 5) << count;
}

// What drifts slowly is not taken for a difference of the runs.
TEST(Noise, RunsThatDriftAlikeAreWithinNoise) {
  for (const size_t count : {16, 40, 200}) EXPECT_LE(ToldApart(count, 1, 0.6), 5) << count;
}

TEST(Noise, ALargerShiftOrMoreIntervalsAreSeen) {
  EXPECT_GE(ToldApart(16, 1.5, 0), 90);
  EXPECT_GE(ToldApart(120, 1.1, 0), 95);
}

TEST(Noise, DirectionIsThatOfB) {
  const std::vector<double> low = {10, 11, 10, 12, 11, 10, 11, 12, 10, 11};
  const std::vector<double> high = {13, 15, 14, 13, 16, 14, 15, 13, 15, 14};
  EXPECT_EQ(ShiftBetween(low, high), Shift::kHigher);
  EXPECT_EQ(ShiftBetween(high, low), Shift::kLower);
}

TEST(Noise, FewSamplesSayNothing) {
  const std::vector<double> seven = {1, 1, 1, 1, 1, 1, 1};
  const std::vector<double> eight = {9, 9, 9, 9, 9, 9, 9, 9};
  EXPECT_EQ(ShiftBetween(seven, eight), Shift::kUnknown);
  EXPECT_EQ(ShiftBetween(eight, seven), Shift::kUnknown);
  EXPECT_EQ(ShiftBetween({}, {}), Shift::kUnknown);
}

TEST(Noise, EqualSamplesAreWithinNoise) {
  const std::vector<double> same(50, 3.0);
  EXPECT_EQ(ShiftBetween(same, same), Shift::kNone);
}

}  // namespace
}  // namespace kvsift::load
