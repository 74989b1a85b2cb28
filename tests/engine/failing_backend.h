// A backend whose device fails for good, as GPUs do.
#ifndef KVSIFT_TESTS_ENGINE_FAILING_BACKEND_H_
#define KVSIFT_TESTS_ENGINE_FAILING_BACKEND_H_

#include <functional>
#include <memory>

#include "kernels/backend.h"

namespace kvsift {

// Forwards to `inner` until `fails` is true of a batch. That one and all later ones end with
// UNAVAILABLE at once, with garbage where their answers should be. `fails` may also break what is
// below `inner` and return false. Thread-safe if they are.
std::unique_ptr<Backend> CreateFailingBackend(std::unique_ptr<Backend> inner,
                                              std::function<bool(const Batch&)> fails);

// True of batches that select.
bool HasSelections(const Batch& batch);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_FAILING_BACKEND_H_
