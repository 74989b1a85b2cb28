// The CPU backend: scores with the widest vector instructions that the machine has.
#ifndef KVSIFT_KERNELS_CPU_CPU_BACKEND_H_
#define KVSIFT_KERNELS_CPU_CPU_BACKEND_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "kernels/page_memory.h"

namespace kvsift {

// OK if this machine has the vector instructions that the backend needs at least.
// Errors: FAILED_PRECONDITION, naming what is missing.
absl::Status CheckCpuBackend();

// A backend named "cpu" that keeps its pages in `memory` and runs its parallel parts on
// `executor`, which outlives it. Its answers equal those of the reference backend bit for bit.
// Errors: those of CheckCpuBackend.
absl::StatusOr<std::unique_ptr<Backend>> CreateCpuBackend(std::unique_ptr<PageMemory> memory,
                                                          Executor& executor);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_CPU_BACKEND_H_
