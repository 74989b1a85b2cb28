#include "tests/bench/read_bandwidth.h"

#include <algorithm>
#include <ctime>
#include <vector>

namespace kvsift {
namespace {

constexpr size_t kWords = size_t{16} << 20;  // 128 MiB, several times any cache

double MeasureOnce(std::span<const uint64_t> words) {
  const double begin = ProcessorSeconds();
  benchmark::DoNotOptimize(SumWords(words));
  return static_cast<double>(words.size_bytes()) / (ProcessorSeconds() - begin);
}

}  // namespace

uint64_t SumWords(std::span<const uint64_t> words) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= words.size(); i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  uint64_t sum = 0;
  for (const uint64_t part : sums) sum += part;
  return sum;
}

double ReadBandwidth() {
  static const double best = [] {
    const std::vector<uint64_t> words(kWords, 1);
    double fastest = 0;
    for (int pass = 0; pass < 5; ++pass) fastest = std::max(fastest, MeasureOnce(words));
    return fastest;
  }();
  return best;
}

double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void ReportFloor(benchmark::State& state, double bytes, double seconds_per_iteration) {
  const double floor = bytes / ReadBandwidth();
  state.counters["floor_us"] = floor * 1e6;
  state.counters["of_floor"] = seconds_per_iteration / floor;
}

}  // namespace kvsift
