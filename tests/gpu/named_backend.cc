#include "tests/gpu/named_backend.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/page_memory.h"
#include "kernels/reference/reference_backend.h"
#ifdef KVSIFT_HAS_CUDA
#include "kernels/cuda/cuda_backend.h"
#endif

namespace kvsift {
namespace {

using BackendOr = absl::StatusOr<std::unique_ptr<Backend>>;

BackendOr MakeCuda([[maybe_unused]] int64_t memory_bytes,
                   [[maybe_unused]] BackendThreads& threads) {
#ifdef KVSIFT_HAS_CUDA
  return CreateCudaBackend({.memory_bytes = memory_bytes}, threads.completions);
#else
  return absl::FailedPreconditionError("this build has no CUDA code");
#endif
}

BackendOr Make(const std::string& name, int64_t memory_bytes, BackendThreads& threads) {
  if (name == "cuda") return MakeCuda(memory_bytes, threads);
  auto memory = ReservePageMemory(memory_bytes);
  if (!memory.ok()) return memory.status();
  if (name == "cpu") return CreateCpuBackend(*std::move(memory), threads.compute);
  if (name == "reference") return CreateReferenceBackend(*std::move(memory));
  return absl::InvalidArgumentError("no backend of this name");
}

}  // namespace

std::unique_ptr<Backend> MakeNamedBackend(const std::string& name, int64_t memory_bytes,
                                          BackendThreads& threads) {
  auto backend = Make(name, memory_bytes, threads);
  if (backend.ok()) return *std::move(backend);
  std::cerr << name << ": " << backend.status() << std::endl;
  std::exit(1);
}

}  // namespace kvsift
