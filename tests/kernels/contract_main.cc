// The contract suite over the backends for processors, on the calling thread and on others.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/scattering_executor.h"

namespace kvsift {
namespace {

BackendFactory Factory(const std::string& name, const std::string& suffix, Executor& executor) {
  return {.name = name + suffix, .create = [name, &executor](int64_t memory_bytes) {
            return *CreateBackend(name, {.memory_bytes = memory_bytes, .executor = &executor});
          }};
}

// The backends that need nothing but a processor; that of CUDA has a program of its own.
constexpr const char* kBackends[] = {"cpu", "reference"};

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  kvsift::InlineExecutor inline_executor;
  kvsift::ScatteringExecutor threads(/*threads=*/3, /*seed=*/1);
  std::vector<kvsift::BackendFactory> factories;
  for (const std::string name : kvsift::kBackends) {
    factories.push_back(kvsift::Factory(name, "", inline_executor));
    // The reference uses no executor.
    if (name != "reference") factories.push_back(kvsift::Factory(name, "_on_threads", threads));
  }
  return kvsift::RunContract(argc, argv, std::move(factories));
}
