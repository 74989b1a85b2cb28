// Scoring and exact selection. Every figure stands beside its floor: reading the codes once from
// memory at the bandwidth that one core was measured to have in the same run.
#include <chrono>
#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "server/engine/thread_pool.h"
#include "tests/bench/kernel_rig.h"
#include "tests/bench/read_bandwidth.h"

namespace kvsift {
namespace {

constexpr Estimator kEstimators[] = {Estimator::kAsymmetricDot, Estimator::kManhattan,
                                     Estimator::kSquaredEuclidean, Estimator::kDot};
constexpr Grouping kGroupings[] = {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                   Grouping::kGroupUnion, Grouping::kLayerMax};

StoreShape ShapeOf(int heads, int head_dim = 128, int key_bits = 2) {
  return {
      .layers = 1, .kv_heads = 1, .query_heads = heads, .head_dim = head_dim, .key_bits = key_bits};
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Runs the selection of every sequence of `rig` until Google Benchmark has enough; `now` tells
// the time that counts.
void Measure(benchmark::State& state, KernelRig& rig, const Policy& policy, double queries,
             double (*now)()) {
  const Batch batch = rig.SelectionBatch(policy);
  rig.Run(batch);
  const double begin = now();
  for (auto _ : state) rig.Run(batch);
  const double elapsed = now() - begin;
  const double iterations = static_cast<double>(state.iterations());
  ReportFloor(state, static_cast<double>(rig.code_bytes()), elapsed / iterations);
  state.counters["keys_per_s"] = queries * iterations / elapsed;
}

// One sequence on the calling thread.
void BM_Select(benchmark::State& state, Estimator estimator, Grouping grouping, int heads,
               int64_t keys, int key_bits, int32_t k) {
  InlineExecutor executor;
  KernelRig rig(ShapeOf(heads, 128, key_bits), /*sequences=*/1, keys, executor);
  Measure(state, rig, {.k = k, .estimator = estimator, .grouping = grouping},
          static_cast<double>(keys * heads), ProcessorSeconds);
}

// A decode step of sequences of 8 heads on a pool of threads.
void BM_SelectBatch(benchmark::State& state, int threads, int64_t sequences, int64_t keys) {
  ThreadPool executor(threads);
  KernelRig rig(ShapeOf(8), sequences, keys, executor);
  Measure(state, rig, {.k = 256}, static_cast<double>(sequences * keys * 8), WallSeconds);
}

std::string CaseName(Estimator estimator, Grouping grouping, int heads, int64_t keys) {
  return "select/" + std::string(EstimatorName(estimator)) + "/" +
         std::string(GroupingName(grouping)) + "/heads:" + std::to_string(heads) +
         "/keys:" + std::to_string(keys);
}

void Register(Estimator estimator, Grouping grouping, int heads, int64_t keys, int key_bits = 2,
              int32_t k = 256) {
  std::string name = CaseName(estimator, grouping, heads, keys);
  if (key_bits != 2) name += "/bits:" + std::to_string(key_bits);
  if (k != 256) name += "/k:" + std::to_string(k);
  benchmark::RegisterBenchmark(name.c_str(), BM_Select, estimator, grouping, heads, keys, key_bits,
                               k)
      ->Unit(benchmark::kMicrosecond);
}

void RegisterBatch(int threads, int64_t sequences, int64_t keys) {
  const std::string name = "select_batch/sequences:" + std::to_string(sequences) +
                           "/keys:" + std::to_string(keys) + "/threads:" + std::to_string(threads);
  benchmark::RegisterBenchmark(name.c_str(), BM_SelectBatch, threads, sequences, keys)
      ->Unit(benchmark::kMicrosecond)
      ->UseRealTime();
}

[[maybe_unused]] const bool kRegistered = [] {
  constexpr int64_t kKeys = 32768;
  for (const Estimator estimator : kEstimators) {
    for (const int heads : {1, 8}) Register(estimator, Grouping::kHead, heads, kKeys);
  }
  for (const Grouping grouping : kGroupings) {
    if (grouping != Grouping::kHead) Register(Estimator::kAsymmetricDot, grouping, 8, kKeys);
  }
  for (const int bits : {1, 3}) {
    Register(Estimator::kAsymmetricDot, Grouping::kHead, 8, kKeys, bits);
  }
  for (const int heads : {1, 8}) {
    Register(Estimator::kAsymmetricDot, Grouping::kHead, heads, int64_t{1} << 20);
    Register(Estimator::kAsymmetricDot, Grouping::kHead, heads, 64);
  }
  // What a selection costs besides its keys.
  for (const Grouping grouping : kGroupings) {
    Register(Estimator::kAsymmetricDot, grouping, 8, 64, /*key_bits=*/2, /*k=*/16);
  }
  for (const int threads : {1, 2}) {
    RegisterBatch(threads, /*sequences=*/16, kKeys);
    RegisterBatch(threads, /*sequences=*/1, int64_t{1} << 20);
  }
  return true;
}();

}  // namespace
}  // namespace kvsift
