// Random histories on one backend against another, for as long as one likes: equal bytes, or the
// seed and shape that differ.
//
//   kvsift_differential [--backend cuda] [--against cpu] [--seconds 300] [--first-seed 1]
//                       [--longest 200000]
//
// A run starts from --first-seed and takes the next seed for the next case; a failure prints the
// arguments that repeat it.
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/gpu/differential_case.h"
#include "tests/gpu/named_backend.h"

namespace kvsift {
namespace {

struct Options {
  std::string backend = "cuda";
  std::string against = "cpu";
  double seconds = 300;
  uint32_t first_seed = 1;
  int64_t longest = 200000;
};
Options options;

void Add(const DifferentialCounts& from, DifferentialCounts& to) {
  to.batches += from.batches;
  to.selections += from.selections;
  to.rows += from.rows;
  to.keys += from.keys;
  to.reads += from.reads;
  to.forks += from.forks;
}

TEST(Differential, RandomHistoriesGiveTheSameBytes) {
  BackendThreads threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  DifferentialCounts total;
  uint32_t seed = options.first_seed;
  do {
    DifferentialCase random_case(
        MakeNamedBackend(options.backend, DifferentialCase::kMemoryBytes, threads),
        MakeNamedBackend(options.against, DifferentialCase::kMemoryBytes, threads), options.longest,
        seed);
    random_case.Run();
    Add(random_case.counts(), total);
    ASSERT_FALSE(HasFailure()) << "repeat with: --backend " << options.backend << " --against "
                               << options.against << " --longest " << options.longest
                               << " --seconds 0 --first-seed " << seed << "\n"
                               << random_case.Describe();
    ++seed;
  } while (std::chrono::steady_clock::now() < end);
  EXPECT_GT(total.selections, 0);
  EXPECT_GT(total.keys, 0);
  std::cout << options.backend << " against " << options.against << ": seeds " << options.first_seed
            << " to " << seed - 1 << ", " << total.batches << " batches, " << total.selections
            << " selections, " << total.rows << " rows that saw " << total.keys << " keys, "
            << total.reads << " reads, " << total.forks << " forks: all equal" << std::endl;
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  CLI::App app("Random histories on one backend against another");
  app.add_option("--backend", kvsift::options.backend, "cuda, cpu or reference");
  app.add_option("--against", kvsift::options.against, "What is right by definition");
  app.add_option("--seconds", kvsift::options.seconds, "Starts cases for so long; at least one");
  app.add_option("--first-seed", kvsift::options.first_seed);
  app.add_option("--longest", kvsift::options.longest, "Positions of a sequence")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return RUN_ALL_TESTS();
}
