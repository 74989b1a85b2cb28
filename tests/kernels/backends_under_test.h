// Which backends a suite runs over.
//
// A program that links kvsift_backends_under_test has, beside its own tests, one per backend that
// says whether it runs here: skipped with the reason where it cannot, failed where the environment
// says KVSIFT_REQUIRE_BACKEND=name, so that a run on a GPU cannot look green without it.
#ifndef KVSIFT_TESTS_KERNELS_BACKENDS_UNDER_TEST_H_
#define KVSIFT_TESTS_KERNELS_BACKENDS_UNDER_TEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/executor.h"

namespace kvsift {

// Names of those that can run here, the fastest first.
std::vector<std::string> BackendsUnderTest();

// One of them with `memory_bytes` of page memory. `executor`, which outlives it, has
// kCompletionThreads to spare for each "cuda".
std::unique_ptr<Backend> MakeBackendUnderTest(const std::string& name, int64_t memory_bytes,
                                              Executor& executor);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_BACKENDS_UNDER_TEST_H_
