// Measures every case of the table in kernels/cuda/PERFORMANCE.md.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernels/cuda/call_bench.h"
#include "tests/kernels/cuda/select_bench.h"

namespace kvsift::cuda {
namespace {

std::vector<int64_t> Same(int sequences, int64_t length) {
  return std::vector<int64_t>(static_cast<size_t>(sequences), length);
}

std::vector<int64_t> LogUniform(int sequences) {
  std::mt19937 random(5);
  std::vector<int64_t> lengths;
  for (int i = 0; i < sequences; ++i) {
    const double exponent = static_cast<double>(random() % 100000) / 100000.0 * std::log(131072.0);
    lengths.push_back(std::max<int64_t>(1, static_cast<int64_t>(std::exp(exponent))));
  }
  return lengths;
}

void RunTable(Bench& bench, const SelectTuning& tuning) {
  const Policy dot{.k = 256, .estimator = Estimator::kAsymmetricDot, .grouping = Grouping::kHead};
  const Policy manhattan{.k = 256, .estimator = Estimator::kManhattan};
  const Policy group_max{.k = 256, .grouping = Grouping::kGroupMax};
  bench.Run({"256 rows x 32768, 8 heads", Same(32, 32768), 8, 8, dot}, tuning);
  bench.Run({"256 rows x 32768, 8 heads, manhattan", Same(32, 32768), 8, 8, manhattan}, tuning);
  bench.Run({"256 rows x 32768, 1 head", Same(32, 32768), 8, 1, dot}, tuning);
  bench.Run({"256 rows x 32768, 8 heads, group_max", Same(32, 32768), 8, 8, group_max}, tuning);
  Case delivered{"256 rows x 32768, 8 heads, group_max, to the host", Same(32, 32768), 8, 8,
                 group_max};
  delivered.to_host = true;
  bench.Run(delivered, tuning);
  bench.Run({"32 rows x 32768, 1 head, manhattan", Same(1, 32768), 32, 1, manhattan}, tuning);
  Policy wide = dot;
  wide.k = 4096;
  bench.Run({"32 rows x 32768, 1 head", Same(1, 32768), 32, 1, dot}, tuning);
  bench.Run({"32 rows x 32768, 1 head, k = 4096", Same(1, 32768), 32, 1, wide}, tuning);
  bench.Run({"8 rows x 131072, 8 heads", Same(1, 131072), 8, 8, dot}, tuning);
  bench.Run({"8 rows x 32768, 8 heads", Same(1, 32768), 8, 8, dot}, tuning);
  bench.Run({"8 rows x 8192, 4 heads", Same(1, 8192), 8, 4, dot}, tuning);
  bench.Run({"1024 ragged rows, 1 head", LogUniform(1024), 1, 1, dot}, tuning);
}

void RunCurves(Bench& bench, const SelectTuning& tuning) {
  for (const int32_t k : {64, 256, 1024, 4096}) {
    for (int64_t keys = 8192; keys <= 1 << 20; keys *= 2) {
      const Policy policy{.k = k};
      const std::string name =
          "8 rows x " + std::to_string(keys) + ", 8 heads, k = " + std::to_string(k);
      bench.Run({name, Same(1, keys), 8, 8, policy}, tuning);
    }
  }
}

// What the size of a page costs.
void RunPages(Bench& bench) {
  const Policy policy{.k = 256};
  for (const int positions : {64, 256, 1024, 4096}) {
    const std::string pages = ", pages of " + std::to_string(positions);
    bench.Run({"256 rows x 32768, 8 heads" + pages, Same(32, 32768), 8, 8, policy, 128, positions},
              {});
    bench.Run({"256 rows x 32768, 1 head" + pages, Same(32, 32768), 8, 1, policy, 128, positions},
              {});
    bench.Run({"32 rows x 32768, 1 head" + pages, Same(1, 32768), 32, 1, policy, 128, positions},
              {});
  }
}

// The table under tunings that differ from the default in one value.
void RunTuning(Bench& bench) {
  const std::pair<const char*, SelectTuning> tunings[] = {
      {"least_block_keys = 512", {.least_block_keys = 512}},
      {"most_block_keys = 2048", {.most_block_keys = 2048}},
      {"largest_cluster = 8", {.largest_cluster = 8}},
      {"least_slice_keys = 8192", {.least_slice_keys = 8192}},
      {"most_slice_keys = 16384", {.most_slice_keys = 16384}},
      {"most_slice_keys = 8192", {.most_slice_keys = 8192}},
      {"sampled_tiles = 128", {.sampled_tiles = 128}},
      {"sampled_tiles = 512", {.sampled_tiles = 512}},
      {"dear_candidates = 128", {.dear_candidates = 128}},
      {"dear_candidates = 4096", {.dear_candidates = 4096}},
  };
  for (const auto& [name, tuning] : tunings) {
    std::printf("%s\n", name);
    RunTable(bench, tuning);
  }
}

}  // namespace
}  // namespace kvsift::cuda

// Arguments: "table", "curves", "pages", "ingest" or "tune"; then part of the name of the cases to
// run.
int main(int argc, char** argv) {
  using namespace kvsift::cuda;
  const std::string what = argc > 1 ? argv[1] : "table";
  Bench bench;
  if (argc > 2) bench.Only(argv[2]);
  bench.MeasureCopy();
  if (what == "table") RunTable(bench, {});
  if (what == "curves") RunCurves(bench, {});
  if (what == "ingest") {
    bench.RunEncode(65536);
    bench.RunAppend(64);
    for (const int64_t keys : {512, 8192, 32768}) {
      const std::string name = "8 rows x " + std::to_string(keys) + ", 4 heads";
      RunCall(keys, bench.Run({name, Same(1, keys), 8, 4, {.k = 256}}, {}));
    }
  }
  if (what == "tune") RunTuning(bench);
  if (what == "pages") RunPages(bench);
  return 0;
}
