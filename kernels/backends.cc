#include "kernels/backends.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"
#ifdef KVSIFT_HAS_CUDA
#include "kernels/cuda/cuda_backend.h"
#endif

namespace kvsift {
namespace {

using BackendOr = absl::StatusOr<std::unique_ptr<Backend>>;

struct NamedBackend {
  std::string_view name;
  // Says, before memory is taken, whether the backend can run on this machine:
  // FAILED_PRECONDITION naming the constraint if not.
  absl::Status (*check)(int device);
  // All memory of the device, which has passed the check; 0 if it is the host's.
  int64_t (*memory)(int device);
  BackendOr (*create)(const BackendOptions& options);
};

#ifdef KVSIFT_HAS_CUDA
absl::Status CheckCuda(int device) { return CheckCudaBackend(device); }

int64_t MemoryOfCuda(int device) { return CudaDeviceMemory(device); }

BackendOr CreateCuda(const BackendOptions& options) {
  return CreateCudaBackend(
      {.device = options.device, .memory_bytes = options.memory_bytes, .grows = options.grows},
      *options.completions);
}
#else
absl::Status CheckCuda(int) {
  return absl::FailedPreconditionError("this build has no CUDA code (KVSIFT_CUDA=OFF)");
}

int64_t MemoryOfCuda(int) { return 0; }

BackendOr CreateCuda(const BackendOptions& options) { return CheckCuda(options.device); }
#endif

absl::Status CheckCpu(int) { return CheckCpuBackend(); }

BackendOr CreateCpu(const BackendOptions& options) {
  auto memory = options.reserve(options.memory_bytes);
  if (!memory.ok()) return memory.status();
  return CreateCpuBackend(*std::move(memory), *options.executor);
}

absl::Status RunsEverywhere(int) { return absl::OkStatus(); }

int64_t MemoryOfHost(int) { return 0; }

BackendOr CreateReference(const BackendOptions& options) {
  auto memory = options.reserve(options.memory_bytes);
  if (!memory.ok()) return memory.status();
  return CreateReferenceBackend(*std::move(memory));
}

// The fastest first.
constexpr NamedBackend kBackends[] = {
    {"cuda", CheckCuda, MemoryOfCuda, CreateCuda},
    {"cpu", CheckCpu, MemoryOfHost, CreateCpu},
    {"reference", RunsEverywhere, MemoryOfHost, CreateReference},
};

// `status`, which is an error, with the backend's name before it.
absl::Status Named(const NamedBackend& backend, const absl::Status& status) {
  return {status.code(), absl::StrCat(std::string(backend.name), ": ", status.message())};
}

// The backend `name`; for "auto" the first that can run, those before it into `passed_over`.
absl::StatusOr<const NamedBackend*> Find(std::string_view name, int device, bool has_completions,
                                         std::vector<absl::Status>& passed_over) {
  for (const NamedBackend& backend : kBackends) {
    if (name != "auto" && name != backend.name) continue;
    if (name == "auto" && backend.name == "cuda" && !has_completions) continue;
    const absl::Status status = backend.check(device);
    if (status.ok()) return &backend;
    passed_over.push_back(Named(backend, status));
    if (name != "auto") return passed_over.back();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "backend: \"", std::string(name), "\", must be auto, ", absl::StrJoin(BackendNames(), ", ")));
}

}  // namespace

std::vector<std::string> BackendNames() {
  std::vector<std::string> names;
  for (const NamedBackend& backend : kBackends) names.emplace_back(backend.name);
  return names;
}

absl::StatusOr<BackendChoice> ChooseBackend(std::string_view name, int device) {
  BackendChoice choice;
  const auto found = Find(name, device, /*has_completions=*/true, choice.passed_over);
  if (!found.ok()) return found.status();
  choice.name = std::string((*found)->name);
  choice.memory_bytes = (*found)->memory(device);
  return choice;
}

BackendOr CreateBackend(std::string_view name, const BackendOptions& options) {
  std::vector<absl::Status> passed_over;
  const auto found = Find(name, options.device, options.completions != nullptr, passed_over);
  if (!found.ok()) return found.status();
  auto backend = (*found)->create(options);
  if (!backend.ok()) return Named(**found, backend.status());
  return backend;
}

}  // namespace kvsift
