// The backend for NVIDIA GPUs: pages in device memory, scoring on binary tensor cores, one launch
// or two from codes to positions (selection_jobs.h).
//
// Lanes: batches that move little are urgent, and those that select from little, too, are quick;
// ingests and exports are bulk. Each lane has batch runs and streams of its own, the quick ones of
// the highest priority, the bulk ones of the lowest, so a selection beside an ingest waits neither
// for a run nor, because what it brings and takes crosses without it (crossing.h), for the copy
// engine, and one step beside many only for the blocks that run when it comes.
//
// Completion: two tasks of an injected executor, one of them for quick batches, look at the flags
// of batches in flight and tell their observers, for as long as the backend lives; they sleep while
// there are none. A host callback of the driver would do the same, but it comes 10 to 20 us late
// and may not call the driver again, which an observer that submits the next batch does. A quick
// batch that finds nothing under way is waited for inside Submit, which saves the hand-over.
//
// Failure: a CUDA error other than a lack of memory is for good, because most of them leave the
// process without a usable context. The batch that met it ends with UNAVAILABLE, what it should
// have answered is left alone, and so does every later one, at once and with the same message.
#ifndef KVSIFT_KERNELS_CUDA_CUDA_BACKEND_H_
#define KVSIFT_KERNELS_CUDA_CUDA_BACKEND_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/crossing.h"
#include "kernels/cuda/first_room.h"
#include "kernels/cuda/select_plan.h"
#include "kernels/executor.h"

namespace kvsift {

struct CudaOptions {
  int device = 0;
  int64_t memory_bytes = 0;  // page memory, reserved whole when the backend is created, unless ..
  bool grows = false;        // .. it is taken as it is needed
  int quick_batches = 3;     // at a time
  int urgent_batches = 3;    // at a time
  int bulk_batches = 2;      // at a time
  // For batches as the scheduler plans them, half a millisecond each: a hundred selections of a few
  // heads, and keys at the pace of the bus.
  cuda::FirstRoom urgent_room = {.staging = int64_t{4} << 20, .answers = int64_t{8} << 20};
  cuda::FirstRoom bulk_room = {.staging = int64_t{16} << 20, .answers = int64_t{256} << 10};
  cuda::SelectTuning tuning = {};
  cuda::CrossingTuning crossing = {};
};

// OK if the GPU of that number can serve.
// Errors: FAILED_PRECONDITION, saying what is missing: driver, device or compute capability.
absl::Status CheckCudaBackend(int device);

// All memory of the GPU of that number, whoever has it now; 0 if CheckCudaBackend is not OK.
int64_t CudaDeviceMemory(int device);

// A backend named "cuda". Two tasks of `completions` belong to it until it is destroyed.
// REQUIRES: `completions` outlives the backend, runs tasks on threads of its own, and has two to
// spare for each backend.
// Errors: those of CheckCudaBackend; RESOURCE_EXHAUSTED, with what is asked and what is free, if
// the memory cannot be had.
absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(const CudaOptions& options,
                                                           Executor& completions);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CUDA_CUDA_BACKEND_H_
