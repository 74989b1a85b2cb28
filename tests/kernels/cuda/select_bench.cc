#include "tests/kernels/cuda/select_bench.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>
#include <utility>

#include "kernels/cuda/crossing.h"
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/selection_jobs.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/gaussian_queries.h"

namespace kvsift::cuda {
namespace {

constexpr int64_t kMemoryBytes = int64_t{4} << 30;
constexpr int64_t kRotatedBytes = 300'000'000;  // several times the cache

// Median microseconds of one call of `launch(i)`, many in a row between two events.
double DeviceTime(cudaStream_t stream, int repeats, const std::function<void(int)>& launch) {
  cudaEvent_t begin;
  cudaEvent_t end;
  Check(cudaEventCreate(&begin));
  Check(cudaEventCreate(&end));
  std::vector<double> times;
  for (int round = 0; round < 12; ++round) {
    Check(cudaEventRecord(begin, stream));
    for (int i = 0; i < repeats; ++i) launch(round * repeats + i);
    Check(cudaEventRecord(end, stream));
    Check(cudaEventSynchronize(end));
    float milliseconds = 0;
    Check(cudaEventElapsedTime(&milliseconds, begin, end));
    if (round > 1) times.push_back(milliseconds * 1000.0 / repeats);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

Bench::Bench() {
  Check(pages_.ReserveExactly(kMemoryBytes));
  Check(stream_.Create());
  std::vector<uint32_t> random(16 << 20);
  std::mt19937 bits(1);
  for (uint32_t& word : random) word = bits();
  const int64_t bytes = std::ssize(random) * 4;
  for (int64_t offset = 0; offset < kMemoryBytes; offset += bytes) {
    Check(cudaMemcpy(pages_.data() + offset, random.data(), static_cast<size_t>(bytes),
                     cudaMemcpyHostToDevice));
  }
  cudaDeviceProp properties;
  Check(cudaGetDeviceProperties(&properties, 0));
  device_ = {.processors = properties.multiProcessorCount,
             .shared_bytes = static_cast<int32_t>(properties.sharedMemPerBlockOptin) - 8192};
  Check(PrepareSelect(device_.shared_bytes));
  Check(PrepareMerge(device_.shared_bytes));
}

void Bench::MeasureCopy() {
  const size_t half = kMemoryBytes / 4;
  const double us = DeviceTime(stream_.get(), 4, [&](int) {
    Check(cudaMemcpyAsync(pages_.data(), pages_.data() + kMemoryBytes / 2, half,
                          cudaMemcpyDeviceToDevice, stream_.get()));
  });
  bytes_per_us_ = 2.0 * static_cast<double>(half) / us;
  std::printf("device copy: %.0f GB/s (read and written)\n", bytes_per_us_ / 1e3);
}

std::unique_ptr<CudaStore> Bench::MakeStore(const Case& c, int layers) {
  const StoreShape shape{.layers = layers,
                         .kv_heads = c.kv_heads,
                         .query_heads = c.kv_heads * c.group,
                         .head_dim = c.head_dim,
                         .key_bits = 2};
  std::vector<float> scales(static_cast<size_t>(layers * c.kv_heads), 1.0f);
  auto store =
      CudaStore::Create(MakeStoreFormat(shape, scales), MakePageLayout(shape, c.page_positions));
  Check(store.status());
  return *std::move(store);
}

double Bench::Run(const Case& c, const SelectTuning& tuning) {
  if (c.name.find(only_) == std::string::npos) return 0;
  int64_t keys = 0;
  for (const int64_t length : c.lengths) keys += length * c.kv_heads;
  const int64_t layer_bytes = keys * CodeBytes(c.head_dim, 2);
  const int layers = static_cast<int>(std::clamp<int64_t>(kRotatedBytes / layer_bytes + 1, 1, 24));
  const auto store = MakeStore(c, layers);
  const int64_t page_bytes = store->page_bytes();
  std::mt19937 random(3);
  std::vector<std::unique_ptr<CudaPageTable>> tables;
  int64_t next_page = 0;
  for (const int64_t length : c.lengths) {
    std::vector<uint64_t> pages;
    for (int64_t p = 0; p < (length + c.page_positions - 1) / c.page_positions; ++p) {
      pages.push_back(static_cast<uint64_t>(next_page++ * page_bytes));
    }
    if (next_page * page_bytes > kMemoryBytes) {
      std::printf("%s: skipped, needs %.1f GB\n", c.name.c_str(),
                  static_cast<double>(next_page * page_bytes) / 1e9);
      return 0;
    }
    tables.push_back(std::make_unique<CudaPageTable>(stream_.get()));
    Check(tables.back()->Reserve(std::ssize(pages), stream_.get()));
    Check(cudaMemcpyAsync(tables.back()->entries(), pages.data(), pages.size() * 8,
                          cudaMemcpyHostToDevice, stream_.get()));
    Check(cudaStreamSynchronize(stream_.get()));
  }
  const StoreShape& shape = store->shape();
  const int planes = QueryPlanes(c.policy.estimator, 2);
  const int64_t query_words = CodeWords(c.head_dim, planes);
  const int64_t vectors = std::ssize(c.lengths) * shape.query_heads;
  const std::vector<uint32_t> codes = GaussianQueries(shape, c.policy.estimator, vectors);
  std::vector<float> scales(static_cast<size_t>(vectors));
  for (float& scale : scales) scale = 0.5f + static_cast<float>(random() % 1000) / 1000.0f;
  DeviceBuffer queries;
  Check(queries.Reserve(std::ssize(codes) * 4 + vectors * 4));
  Check(cudaMemcpy(queries.data(), codes.data(), codes.size() * 4, cudaMemcpyHostToDevice));
  Check(cudaMemcpy(queries.data() + codes.size() * 4, scales.data(), scales.size() * 4,
                   cudaMemcpyHostToDevice));

  const int64_t rows_per_sequence = RowsPerToken(c.policy.grouping, shape);
  const int64_t width = RowCapacity(c.policy, shape);
  const int64_t rows = std::ssize(c.lengths) * rows_per_sequence;
  DeviceBuffer answers;
  Check(answers.Reserve((rows * width + rows) * 4));
  std::vector<std::unique_ptr<SelectionJobs>> jobs;
  std::vector<std::unique_ptr<Staging>> stagings;
  for (int layer = 0; layer < layers; ++layer) {
    jobs.push_back(std::make_unique<SelectionJobs>(tuning, device_, device_.shared_bytes));
    stagings.push_back(std::make_unique<Staging>());
    int64_t staging_bytes = 4096;
    std::vector<Selection> selections;
    for (size_t s = 0; s < c.lengths.size(); ++s) {
      selections.push_back({.store = store.get(),
                            .table = tables[s].get(),
                            .layer = layer,
                            .policy = c.policy,
                            .queries = {},
                            .query_scales = {},
                            .visible = std::span(&c.lengths[s], 1),
                            .row_width = width});
      staging_bytes += jobs.back()->StagingBytes(selections.back());
    }
    Check(stagings.back()->Begin(staging_bytes));
    for (size_t s = 0; s < c.lengths.size(); ++s) {
      const int64_t first = static_cast<int64_t>(s);
      DeviceQueries q{
          .codes = reinterpret_cast<const uint32_t*>(queries.data()) +
                   first * shape.query_heads * query_words,
          .scales = HasQueryScales(c.policy.estimator)
                        ? reinterpret_cast<const float*>(queries.data() + codes.size() * 4) +
                              first * shape.query_heads
                        : nullptr,
          .host_codes =
              std::as_bytes(std::span(codes)).data() + first * shape.query_heads * query_words * 4};
      jobs.back()->Add(selections[s], q, first * rows_per_sequence * width,
                       first * rows_per_sequence, 0);
    }
    int32_t* out = reinterpret_cast<int32_t*>(answers.data());
    Check(jobs.back()->Stage(*stagings.back(), reinterpret_cast<const uint8_t*>(pages_.data()),
                             {.positions = out, .counts = out + rows * width, .scores = nullptr}));
    Check(stagings.back()->Upload(jobs.back()->bests(), stream_.get()));
  }
  PinnedBuffer host;
  const int64_t answer_bytes = (rows * width + rows) * 4;
  Check(host.Reserve(answer_bytes + 16));
  DeviceBuffer arrived;
  Check(arrived.ReserveZeros(4));
  const int64_t copied_bytes = answer_bytes / 16 * 16;
  const Delivery delivery{.from = answers.data(),
                          .to = host.data(),
                          .bytes = copied_bytes,
                          .flag = {.value = reinterpret_cast<uint32_t*>(host.data() + copied_bytes),
                                   .sequence = 1,
                                   .arrived = reinterpret_cast<unsigned int*>(arrived.data())}};
  const double us = DeviceTime(stream_.get(), std::max(24, layers), [&](int i) {
    Check(jobs[static_cast<size_t>(i % layers)]->Launch(HostFlag{}, stream_.get()));
    if (c.to_host) Check(LaunchDeliver(delivery, stream_.get()));
  });
  const double floor = static_cast<double>(layer_bytes) / bytes_per_us_;
  std::printf("%-58s %9.2f us  floor %8.2f  ratio %5.2f\n", c.name.c_str(), us, floor, us / floor);
  std::fflush(stdout);
  return us;
}

void Bench::RunEncode(int64_t tokens) {
  const Case c{.name = "", .lengths = {tokens}, .kv_heads = 8, .group = 1, .policy = {.k = 1}};
  const auto store = MakeStore(c, 1);
  DeviceBuffer raw;
  const int64_t raw_bytes = tokens * 8 * 128 * 2;
  Check(raw.Reserve(raw_bytes));
  Check(cudaMemcpy(raw.data(), pages_.data(), static_cast<size_t>(raw_bytes),
                   cudaMemcpyDeviceToDevice));
  std::vector<uint64_t> pages;
  for (int64_t p = 0; p < tokens / kPagePositions; ++p) {
    pages.push_back(static_cast<uint64_t>(p * store->page_bytes()));
  }
  DeviceBuffer device;
  Check(device.Reserve(std::ssize(pages) * 8 + 1024));
  Check(cudaMemcpy(device.data() + 1024, pages.data(), pages.size() * 8, cudaMemcpyHostToDevice));
  for (const VectorKind kind : {VectorKind::kFloat16, VectorKind::kFloat32, VectorKind::kCodes}) {
    const int64_t count = kind == VectorKind::kFloat32 ? tokens / 2 : tokens;
    const KeyJob job{.table = reinterpret_cast<const uint64_t*>(device.data() + 1024),
                     .data = reinterpret_cast<uint8_t*>(raw.data()),
                     .thresholds = store->ThresholdsOf(0),
                     .first_item = 0,
                     .start = 0,
                     .count = count,
                     .layer_offset = 0,
                     .kind = kind};
    Check(cudaMemcpy(device.data(), &job, sizeof(job), cudaMemcpyHostToDevice));
    const double us = DeviceTime(stream_.get(), 4, [&](int) {
      Check(LaunchKeyWrites(store->layout(), reinterpret_cast<const KeyJob*>(device.data()), 1,
                            KeyJobItems(0, count, 8), reinterpret_cast<uint8_t*>(pages_.data()),
                            stream_.get()));
    });
    const int64_t in = kind == VectorKind::kCodes ? 32 : kind == VectorKind::kFloat32 ? 512 : 256;
    const double bytes = static_cast<double>(count * 8 * (in + 32));
    std::printf("write %lld x 8 keys, kind %d: %.1f us, %.2f of the copy bandwidth\n",
                static_cast<long long>(count), static_cast<int>(kind), us,
                bytes / us / bytes_per_us_);
  }
}

void Bench::RunAppend(int sequences) {
  const Case c{.name = "", .lengths = {256}, .kv_heads = 8, .group = 1, .policy = {.k = 1}};
  const auto store = MakeStore(c, 1);
  std::vector<uint64_t> pages;
  for (int s = 0; s < sequences; ++s) {
    pages.push_back(static_cast<uint64_t>(s * store->page_bytes()));
  }
  DeviceBuffer device;
  Check(device.Reserve(1 << 20));
  Check(cudaMemcpy(device.data(), pages.data(), pages.size() * 8, cudaMemcpyHostToDevice));
  std::vector<KeyJob> jobs;
  for (int s = 0; s < sequences; ++s) {
    jobs.push_back({.table = reinterpret_cast<const uint64_t*>(device.data()) + s,
                    .data = reinterpret_cast<uint8_t*>(device.data() + 65536 + s * 2048),
                    .thresholds = store->ThresholdsOf(0),
                    .first_item = s * 8,
                    .start = 77,
                    .count = 1,
                    .layer_offset = 0,
                    .kind = VectorKind::kFloat16});
  }
  Check(cudaMemcpy(device.data() + 16384, jobs.data(), jobs.size() * sizeof(KeyJob),
                   cudaMemcpyHostToDevice));
  const double us = DeviceTime(stream_.get(), 50, [&](int) {
    Check(LaunchKeyWrites(store->layout(), reinterpret_cast<const KeyJob*>(device.data() + 16384),
                          sequences, sequences * 8, reinterpret_cast<uint8_t*>(pages_.data()),
                          stream_.get()));
  });
  std::printf("append one raw token to each of %d sequences, 8 kv heads: %.2f us\n", sequences, us);
}

}  // namespace kvsift::cuda
