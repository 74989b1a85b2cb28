// Encoding raw vectors, storing codes, and the memory floor itself.
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "kernels/encode/encode.h"
#include "tests/bench/kernel_rig.h"
#include "tests/bench/read_bandwidth.h"

namespace kvsift {
namespace {

constexpr int64_t kKeys = 65536;

StoreShape ShapeOf(int head_dim, int kv_heads = 1) {
  return {.layers = 1,
          .kv_heads = kv_heads,
          .query_heads = kv_heads,
          .head_dim = head_dim,
          .key_bits = 2};
}

// Random float16 bits with the exponent kept small, so that every value is ordinary.
std::vector<std::byte> OrdinaryHalves(int64_t count) {
  std::mt19937_64 random(2);
  std::vector<std::byte> bytes = RandomBytes(random, 2 * count);
  for (size_t i = 1; i < bytes.size(); i += 2) bytes[i] &= std::byte{0xBF};
  return bytes;
}

template <class Body>
void Measure(benchmark::State& state, double bytes, const Body& body) {
  const double begin = ProcessorSeconds();
  for (auto _ : state) body();
  const double elapsed = ProcessorSeconds() - begin;
  ReportFloor(state, bytes, elapsed / static_cast<double>(state.iterations()));
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void BM_ReadBandwidth(benchmark::State& state) {
  const std::vector<uint64_t> words(size_t{16} << 20, 1);
  Measure(state, static_cast<double>(std::span(words).size_bytes()),
          [&] { benchmark::DoNotOptimize(SumWords(words)); });
}

// The same number of vectors, whatever `kv_heads` they are of.
void BM_EncodeKeys(benchmark::State& state, int head_dim, int kv_heads) {
  const std::vector<float> key_scales(static_cast<size_t>(kv_heads), 1.0f);
  const StoreFormat format = MakeStoreFormat(ShapeOf(head_dim, kv_heads), key_scales);
  const auto keys = OrdinaryHalves(kKeys * head_dim);
  std::vector<std::byte> codes(static_cast<size_t>(kKeys * CodeBytes(head_dim, 2)));
  Measure(state, static_cast<double>(keys.size()),
          [&] { EncodeKeys(format, 0, ElementType::kFloat16, keys, codes); });
}

void BM_CheckElements(benchmark::State& state) {
  const auto keys = OrdinaryHalves(kKeys * 128);
  Measure(state, static_cast<double>(keys.size()),
          [&] { benchmark::DoNotOptimize(FirstInvalidElement(ElementType::kFloat16, keys)); });
}

void BM_EncodeQueries(benchmark::State& state, Estimator estimator) {
  constexpr int64_t kQueries = 32;
  const auto queries = OrdinaryHalves(kQueries * 128);
  std::vector<std::byte> codes(
      static_cast<size_t>(kQueries * CodeBytes(128, QueryPlanes(estimator, 2))));
  std::vector<float> scales(HasQueryScales(estimator) ? kQueries : 0);
  Measure(state, static_cast<double>(queries.size()), [&] {
    EncodeQueries(128, 2, estimator, ElementType::kFloat16, kQueries, queries, codes, scales);
  });
}

void BM_StoreCodes(benchmark::State& state) {
  InlineExecutor executor;
  KernelRig rig(ShapeOf(128), 1, kKeys, executor);
  std::mt19937_64 random(3);
  const auto codes = RandomBytes(random, kKeys * CodeBytes(128, 2));
  const Batch batch = rig.WriteBatch({.bytes = codes, .raw = {}});
  Measure(state, static_cast<double>(codes.size()), [&] { rig.Run(batch); });
}

void BM_StoreRaw(benchmark::State& state) {
  InlineExecutor executor;
  KernelRig rig(ShapeOf(128), 1, kKeys, executor);
  const auto keys = OrdinaryHalves(kKeys * 128);
  const Batch batch = rig.WriteBatch({.bytes = keys, .raw = ElementType::kFloat16});
  Measure(state, static_cast<double>(keys.size()), [&] { rig.Run(batch); });
}

BENCHMARK(BM_ReadBandwidth)->Name("read_bandwidth")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_EncodeKeys, head_dim_64, 64, 1)
    ->Name("encode_keys/float16/head_dim:64")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_EncodeKeys, head_dim_128, 128, 1)
    ->Name("encode_keys/float16/head_dim:128")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_EncodeKeys, kv_heads_8, 128, 8)
    ->Name("encode_keys/float16/head_dim:128/kv_heads:8")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_CheckElements)->Name("check_elements/float16")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_EncodeQueries, fine, Estimator::kAsymmetricDot)
    ->Name("encode_queries/asymmetric_dot/queries:32")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_EncodeQueries, coarse, Estimator::kManhattan)
    ->Name("encode_queries/manhattan/queries:32")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_StoreCodes)->Name("store_keys/codes/head_dim:128")->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_StoreRaw)->Name("store_keys/float16/head_dim:128")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kvsift
