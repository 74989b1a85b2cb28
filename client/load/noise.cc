#include "client/load/noise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace kvsift::load {
namespace {

// The test is Mann and Whitney's: all intervals of both runs are ranked together, and the sum of
// b's ranks is compared with what it would be if the runs were alike. It asks for no distribution
// (latencies have long tails), one bad interval weighs no more than its rank, it draws no random
// numbers, and it speaks up falsely in 1 comparison of 100. It takes samples for independent, and
// neighbouring intervals are not: n of them with autocorrelation r tell as much as
// n (1 - r) / (1 + r) independent ones, so the variance grows by the inverse.
constexpr double kCritical = 2.576;  // two-sided, 1 %
constexpr size_t kFewest = 8;        // fewer would hardly exceed it when fully apart
constexpr double kMostCorrelation = 0.9;

struct Ranked {
  std::vector<double> ranks;  // from 1; equal values share the middle of their ranks
  double ties = 0;            // sum of t^3 - t over groups of t equal values
};

Ranked Rank(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return values[i] < values[j]; });
  Ranked out{.ranks = std::vector<double>(values.size())};
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const auto equal = static_cast<double>(end - begin);
    out.ties += equal * equal * equal - equal;
    for (size_t i = begin; i < end; ++i) {
      out.ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
    }
  }
  return out;
}

// Correlation of neighbours, as far as it is positive, less the bias of short series.
double Correlation(std::span<const double> ranks) {
  const auto count = static_cast<double>(ranks.size());
  const double mean = std::accumulate(ranks.begin(), ranks.end(), 0.0) / count;
  double together = 0;
  double square = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    square += (ranks[i] - mean) * (ranks[i] - mean);
    if (i > 0) together += (ranks[i] - mean) * (ranks[i - 1] - mean);
  }
  if (square == 0) return 0;
  return std::clamp(together / square + 1 / count, 0.0, kMostCorrelation);
}

}  // namespace

Shift ShiftBetween(std::span<const double> a, std::span<const double> b) {
  if (a.size() < kFewest || b.size() < kFewest) return Shift::kUnknown;
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const Ranked ranked = Rank(all);
  const auto of_a = std::span(ranked.ranks).first(a.size());
  const auto of_b = std::span(ranked.ranks).subspan(a.size());
  const auto size_a = static_cast<double>(a.size());
  const auto size_b = static_cast<double>(b.size());
  const double size = size_a + size_b;
  const double above = std::accumulate(of_b.begin(), of_b.end(), 0.0) - size_b * (size + 1) / 2;
  // Per run, so that the difference of the runs does not count as correlation.
  const double r = (size_a * Correlation(of_a) + size_b * Correlation(of_b)) / size;
  const double variance =
      size_a * size_b / 12 * (size + 1 - ranked.ties / (size * (size - 1))) * (1 + r) / (1 - r);
  if (std::abs(above) - 0.5 <= kCritical * std::sqrt(variance)) return Shift::kNone;
  return above > 0 ? Shift::kHigher : Shift::kLower;
}

}  // namespace kvsift::load
