#include "tests/gpu/named_backend.h"

#include <cstdlib>
#include <iostream>
#include <utility>

namespace kvsift {

std::unique_ptr<Backend> MakeNamedBackend(const std::string& name, int64_t memory_bytes,
                                          BackendThreads& threads) {
  auto backend = CreateBackend(name, {.memory_bytes = memory_bytes,
                                      .executor = &threads.compute,
                                      .completions = &threads.completions});
  if (backend.ok()) return *std::move(backend);
  std::cerr << backend.status() << std::endl;
  std::exit(1);
}

}  // namespace kvsift
