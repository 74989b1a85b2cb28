// The backends by name.
#ifndef KVSIFT_KERNELS_BACKENDS_H_
#define KVSIFT_KERNELS_BACKENDS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "kernels/page_memory.h"

namespace kvsift {

// Threads that a backend for GPUs keeps for as long as it lives.
inline constexpr int kCompletionThreads = 2;

// What backends are made of; each takes what it needs.
struct BackendOptions {
  int64_t memory_bytes = 0;  // page memory

  // For those that compute on the processor; `executor` outlives the backend.
  Executor* executor = nullptr;
  std::function<absl::StatusOr<std::unique_ptr<PageMemory>>(int64_t bytes)> reserve =
      ReservePageMemory;

  // For "cuda". `completions` outlives the backend and lends it kCompletionThreads threads; without
  // it "auto" passes over the backend.
  int device = 0;      // number of the GPU
  bool grows = false;  // its memory is taken as it is needed, not all at the start
  Executor* completions = nullptr;
};

// Names that CreateBackend knows, the same in every build, the fastest first.
std::vector<std::string> BackendNames();

// A backend that can run here.
struct BackendChoice {
  std::string name;
  int64_t memory_bytes = 0;               // all that the GPU has; 0: it lives in the host's memory
  std::vector<absl::Status> passed_over;  // of faster ones, why they cannot; each names itself
};

// The backend `name`, or for "auto" the fastest that this build has and that works on this machine,
// on GPU `device` if it is one for GPUs.
// Errors: INVALID_ARGUMENT for a name it does not know (the message lists the known ones);
// FAILED_PRECONDITION, saying which constraint is not met, if an explicit choice cannot run here.
absl::StatusOr<BackendChoice> ChooseBackend(std::string_view name, int device = 0);

// Creates the backend that ChooseBackend chooses.
// Errors: those of ChooseBackend; RESOURCE_EXHAUSTED if its memory cannot be had, which "auto"
// does not pass over: a GPU that is full is the operator's business.
// REQUIRES: options.executor is there, and options.completions if `name` is "cuda".
absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(std::string_view name,
                                                       const BackendOptions& options);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_BACKENDS_H_
