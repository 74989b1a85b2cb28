// The contract suite over the remote test backend.
#include "tests/engine/remote_backend.h"
#include "tests/kernels/contract/contract.h"

int main(int argc, char** argv) {
  const auto create = [](int64_t memory_bytes) -> std::unique_ptr<kvsift::Backend> {
    return kvsift::CreateRemoteBackend({.memory_bytes = memory_bytes, .on_violation = {}});
  };
  return kvsift::RunContract(argc, argv, {{"remote", create}});
}
