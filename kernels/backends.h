// The backends of this build, by name.
#ifndef KVSIFT_KERNELS_BACKENDS_H_
#define KVSIFT_KERNELS_BACKENDS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "kernels/page_memory.h"

namespace kvsift {

// Names that CreateBackend knows, the fastest first; "auto" means the first one that works.
std::vector<std::string> BackendNames();

// Creates the backend `name`, or for "auto" the fastest that works here. `executor` outlives it.
// Errors: INVALID_ARGUMENT for a name it does not know (the message lists the known ones);
// FAILED_PRECONDITION, saying which constraint is not met, if an explicit choice cannot run here.
absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(std::string_view name,
                                                       std::unique_ptr<PageMemory> memory,
                                                       Executor& executor);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_BACKENDS_H_
