// The contract suite over the CUDA backend, as it is tuned and with tunings that send small rows
// through code that only large ones reach. Without a device it ends as skipped, saying so, or as
// failed if KVSIFT_REQUIRE_BACKEND=cuda is set.
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/cuda/cuda_backend.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/scattering_executor.h"

namespace kvsift {
namespace {

// The suite keeps few backends at a time, each with two threads for its completions.
constexpr int kThreads = 16;

BackendFactory Factory(const std::string& name, const cuda::SelectTuning& tuning,
                       Executor& completions, const cuda::CrossingTuning& crossing = {}) {
  return {.name = name, .create = [tuning, crossing, &completions](int64_t memory_bytes) {
            // Of its many backends none gets room that takes long to make.
            return *CreateCudaBackend({.memory_bytes = memory_bytes,
                                       .urgent_room = {},
                                       .bulk_room = {},
                                       .tuning = tuning,
                                       .crossing = crossing},
                                      completions);
          }};
}

// The exit code that ctest counts as skipped (CMakeLists.txt).
constexpr int kSkipped = 77;

// Many blocks to every row.
cuda::SelectTuning Clusters() { return {.least_block_keys = 32}; }

// Every row in many slices, each with room for few candidates: guesses fail often.
cuda::SelectTuning Slices() {
  return {.most_block_keys = 0,
          .short_keys = 0,
          .least_slice_keys = 64,
          .most_slice_keys = 128,
          .sampled_tiles = 32,
          .least_capacity = 8};
}

// The same, finished by the last slice instead of a second kernel.
cuda::SelectTuning LastSlices() {
  cuda::SelectTuning tuning = Slices();
  tuning.finishes_per_processor = 0;
  return tuning;
}

// Every row in one slice, which its block also finishes.
cuda::SelectTuning WholeRows() {
  return {
      .most_block_keys = 0, .short_keys = 0, .least_slice_keys = 65536, .most_slice_keys = 65536};
}

// Everything through the copy engine, and writes in many pieces.
cuda::CrossingTuning Copies() {
  return {.most_fetched_bytes = 0, .most_delivered_bytes = 0, .write_piece_bytes = 2048};
}

// Queries fetched by a kernel, however few.
cuda::CrossingTuning Fetches() { return {.queries_travel = false}; }

// Every row through the general path.
cuda::SelectTuning General() { return {.longest_row = 0}; }

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  kvsift::ScatteringExecutor completions(kvsift::kThreads, 1);
  const auto probe = kvsift::CreateCudaBackend({.memory_bytes = 4096}, completions);
  if (!probe.ok()) {
    std::cerr << "no test ran: " << probe.status() << "\n";
    const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
    return required != nullptr && std::string_view(required) == "cuda" ? 1 : kvsift::kSkipped;
  }
  return kvsift::RunContract(
      argc, argv,
      {kvsift::Factory("cuda", {}, completions),
       kvsift::Factory("cuda_clusters", kvsift::Clusters(), completions),
       kvsift::Factory("cuda_slices", kvsift::Slices(), completions),
       kvsift::Factory("cuda_last_slices", kvsift::LastSlices(), completions),
       kvsift::Factory("cuda_whole_rows", kvsift::WholeRows(), completions),
       kvsift::Factory("cuda_general", kvsift::General(), completions),
       kvsift::Factory("cuda_copies", {}, completions, kvsift::Copies()),
       kvsift::Factory("cuda_fetches", {}, completions, kvsift::Fetches())});
}
