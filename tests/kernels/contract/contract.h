// The contract suite: what every backend must do, in one program per set of backends.
//
// A backend passes if it gives the literal golden answers and, on everything else, the bytes of
// the reference backend. To run the suite over a backend, link kvsift_contract_suite and write
//
//   int main(int argc, char** argv) {
//     return kvsift::RunContract(argc, argv, {{"mine", [](int64_t bytes) { return ...; }}});
//   }
//
// The suite waits for observers, so a backend may complete batches late, out of order and on its
// own threads.
#ifndef KVSIFT_TESTS_KERNELS_CONTRACT_CONTRACT_H_
#define KVSIFT_TESTS_KERNELS_CONTRACT_CONTRACT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"

namespace kvsift {

struct BackendFactory {
  std::string name;  // letters, digits and underscores: it becomes part of test names

  // A fresh backend with at least `memory_bytes` bytes of page memory.
  std::function<std::unique_ptr<Backend>(int64_t memory_bytes)> create;
};

// Runs the suite over `backends` and returns the exit code of the program. Besides GoogleTest's
// flags it knows --cases N (random differential cases per backend, 80 by default) and
// --first-case N (the seed of the first of them).
int RunContract(int argc, char** argv, std::vector<BackendFactory> backends);

// What RunContract was given; for the suite itself.
struct ContractOptions {
  std::vector<BackendFactory> backends;
  int64_t random_cases = 80;
  int64_t first_case = 0;
};
const ContractOptions& CurrentContract();

// Base of the suite's fixtures: the parameter is an index into CurrentContract().backends.
class BackendContract : public testing::TestWithParam<size_t> {
 protected:
  const BackendFactory& factory() const { return CurrentContract().backends[GetParam()]; }
};

// For INSTANTIATE_TEST_SUITE_P in the suite: one test per backend, named after it.
std::vector<size_t> ContractIndices();
std::string ContractName(const testing::TestParamInfo<size_t>& info);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CONTRACT_CONTRACT_H_
