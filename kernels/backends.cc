#include "kernels/backends.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"

namespace kvsift {
namespace {

using BackendOr = absl::StatusOr<std::unique_ptr<Backend>>;

struct NamedBackend {
  std::string_view name;
  // Says, before page memory is given away, whether the backend can run on this machine:
  // FAILED_PRECONDITION naming the constraint if not.
  absl::Status (*check)();
  BackendOr (*create)(std::unique_ptr<PageMemory> memory, Executor& executor);
};

absl::Status RunsEverywhere() { return absl::OkStatus(); }

BackendOr CreateReference(std::unique_ptr<PageMemory> memory, Executor&) {
  return CreateReferenceBackend(std::move(memory));
}

// The fastest first.
constexpr NamedBackend kBackends[] = {
    {"cpu", CheckCpuBackend, CreateCpuBackend},
    {"reference", RunsEverywhere, CreateReference},
};

}  // namespace

std::vector<std::string> BackendNames() {
  std::vector<std::string> names;
  for (const NamedBackend& backend : kBackends) names.emplace_back(backend.name);
  return names;
}

BackendOr CreateBackend(std::string_view name, std::unique_ptr<PageMemory> memory,
                        Executor& executor) {
  for (const NamedBackend& backend : kBackends) {
    if (name != "auto" && name != backend.name) continue;
    const absl::Status status = backend.check();
    if (status.ok()) return backend.create(std::move(memory), executor);
    if (name != "auto") return status;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "backend: \"", std::string(name), "\", must be auto, ", absl::StrJoin(BackendNames(), ", ")));
}

}  // namespace kvsift
