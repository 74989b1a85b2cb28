// kvsift-server over a GPU that traps when it is first asked to select.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "server/engine/thread_pool.h"
#include "server/program.h"
#include "tests/engine/failing_backend.h"
#include "tests/kernels/cuda/device_trap.h"

namespace {

// Does not say that the batch fails: the device has to notice.
bool Trap(const kvsift::Batch& batch) {
  if (kvsift::HasSelections(batch)) kvsift::cuda::TrapDeviceForTest();
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  // Begun by the factory, when signals are blocked; outlives the server.
  std::unique_ptr<kvsift::ThreadPool> completions;
  const auto make_backends = [&completions](kvsift::Executor& executor)
      -> absl::StatusOr<std::vector<std::unique_ptr<kvsift::Backend>>> {
    completions = std::make_unique<kvsift::ThreadPool>(kvsift::kCompletionThreads);
    auto inner = kvsift::CreateBackend("cuda", {.memory_bytes = int64_t{1} << 20,
                                                .executor = &executor,
                                                .completions = completions.get()});
    if (!inner.ok()) return inner.status();
    std::vector<std::unique_ptr<kvsift::Backend>> backends;
    backends.push_back(kvsift::CreateFailingBackend(*std::move(inner), Trap));
    return backends;
  };
  return kvsift::RunServerProgram(std::vector<std::string>(argv + 1, argv + argc),
                                  {.make_backends = make_backends});
}
