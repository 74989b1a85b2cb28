#include "tests/kernels/backends_under_test.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "gtest/gtest.h"
#include "kernels/backends.h"

namespace kvsift {
namespace {

std::string RequiredBackend() {
  const char* required = std::getenv("KVSIFT_REQUIRE_BACKEND");
  return required == nullptr ? "" : required;
}

// Those of this build, and the one that is required, whatever its name.
std::vector<std::string> AllNames() {
  std::vector<std::string> names = BackendNames();
  const std::string required = RequiredBackend();
  if (!required.empty() && std::find(names.begin(), names.end(), required) == names.end()) {
    names.push_back(required);
  }
  return names;
}

class BackendUnderTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(AllBackends, BackendUnderTest, testing::ValuesIn(AllNames()),
                         [](const auto& of) { return of.param; });

TEST_P(BackendUnderTest, RunsHere) {
  const absl::Status status = ChooseBackend(GetParam()).status();
  if (status.ok()) return;
  if (GetParam() == RequiredBackend()) FAIL() << status;
  GTEST_SKIP() << status;
}

}  // namespace

std::vector<std::string> BackendsUnderTest() {
  std::vector<std::string> names;
  for (const std::string& name : BackendNames()) {
    if (ChooseBackend(name).ok()) names.push_back(name);
  }
  return names;
}

std::unique_ptr<Backend> MakeBackendUnderTest(const std::string& name, int64_t memory_bytes,
                                              Executor& executor) {
  auto backend = CreateBackend(
      name, {.memory_bytes = memory_bytes, .executor = &executor, .completions = &executor});
  if (backend.ok()) return *std::move(backend);
  std::cerr << backend.status() << std::endl;
  std::abort();  // it was said to run here
}

}  // namespace kvsift
