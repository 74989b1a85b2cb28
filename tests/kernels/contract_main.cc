// The contract suite over the backends of this build.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "tests/kernels/contract/contract.h"

namespace kvsift {
namespace {

InlineExecutor inline_executor;

std::vector<BackendFactory> BuiltInBackends() {
  std::vector<BackendFactory> factories;
  for (const std::string& name : BackendNames()) {
    factories.push_back({name, [name](int64_t memory_bytes) {
                           auto memory = ReservePageMemory(memory_bytes);
                           return *CreateBackend(name, *std::move(memory), inline_executor);
                         }});
  }
  return factories;
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  return kvsift::RunContract(argc, argv, kvsift::BuiltInBackends());
}
