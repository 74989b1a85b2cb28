#include "tests/kernels/contract/contract.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <numeric>
#include <utility>

#include "gmock/gmock.h"

namespace kvsift {
namespace {

ContractOptions& MutableContract() {
  static ContractOptions options;
  return options;
}

}  // namespace

const ContractOptions& CurrentContract() { return MutableContract(); }

int RunContract(int argc, char** argv, std::vector<BackendFactory> backends) {
  ContractOptions& options = MutableContract();
  options.backends = std::move(backends);
  // Registers the parameterised tests, so the backends must be known by now.
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (has_value && std::strcmp(argv[i], "--cases") == 0) {
      options.random_cases = std::atoll(argv[++i]);
    } else if (has_value && std::strcmp(argv[i], "--first-case") == 0) {
      options.first_case = std::atoll(argv[++i]);
    } else {
      std::cerr << "unknown argument: " << argv[i] << "\n";
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}

std::vector<size_t> ContractIndices() {
  std::vector<size_t> indices(CurrentContract().backends.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  return indices;
}

std::string ContractName(const testing::TestParamInfo<size_t>& info) {
  return CurrentContract().backends[info.param].name;
}

}  // namespace kvsift
