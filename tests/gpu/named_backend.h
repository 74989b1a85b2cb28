// Backends for programs that run on GPU nodes, by name; on a machine without a GPU the same
// programs run over those of the processor.
#ifndef KVSIFT_TESTS_GPU_NAMED_BACKEND_H_
#define KVSIFT_TESTS_GPU_NAMED_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/backends.h"
#include "server/engine/thread_pool.h"

namespace kvsift {

// Threads for backends, which outlive them.
struct BackendThreads {
  explicit BackendThreads(int compute_threads) : compute(compute_threads) {}

  ThreadPool compute;
  ThreadPool completions{2 * kCompletionThreads};
};

// "cuda", "cpu" or "reference" with `memory_bytes` of page memory. Ends the program, saying why,
// where there is no such backend: what was asked for is what is tested.
std::unique_ptr<Backend> MakeNamedBackend(const std::string& name, int64_t memory_bytes,
                                          BackendThreads& threads);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_GPU_NAMED_BACKEND_H_
