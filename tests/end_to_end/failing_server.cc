// kvsift-server over a device that fails for good when it is first asked to select.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "server/program.h"
#include "tests/engine/failing_backend.h"

int main(int argc, char** argv) {
  const auto make_backends = [](kvsift::Executor& executor)
      -> absl::StatusOr<std::vector<std::unique_ptr<kvsift::Backend>>> {
    auto inner = kvsift::CreateBackend("reference",
                                       {.memory_bytes = int64_t{1} << 20, .executor = &executor});
    if (!inner.ok()) return inner.status();
    std::vector<std::unique_ptr<kvsift::Backend>> backends;
    backends.push_back(kvsift::CreateFailingBackend(*std::move(inner), kvsift::HasSelections));
    return backends;
  };
  return kvsift::RunServerProgram(std::vector<std::string>(argv + 1, argv + argc),
                                  {.make_backends = make_backends});
}
