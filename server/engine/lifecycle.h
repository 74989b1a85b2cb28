// Works that change a sequence as a whole: truncate, fork, release.
#ifndef KVSIFT_SERVER_ENGINE_LIFECYCLE_H_
#define KVSIFT_SERVER_ENGINE_LIFECYCLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "server/engine/engine.h"
#include "server/engine/store.h"
#include "server/engine/work.h"

namespace kvsift {

// Each starts a work that tells `done` once, NOT_FOUND if the store was deleted meanwhile. Rules
// and errors are those of Engine's methods of the same names.

void StartTruncate(std::shared_ptr<Store> store, uint64_t id,
                   std::optional<uint64_t> expected_epoch, int64_t length,
                   std::function<void(MutationResult)> done);

void StartFork(std::shared_ptr<Store> store, uint64_t parent, uint64_t child,
               std::optional<uint64_t> expected_epoch, int64_t length,
               std::function<void(MutationResult)> done);

void StartRelease(std::shared_ptr<Store> store, uint64_t id, std::optional<uint64_t> expected_epoch,
                  std::function<void(MutationResult)> done);

// Releases every sequence of `store`, and those that waiting works will create, and lets nobody
// else in. Does not wait.
void ReleaseAll(const std::shared_ptr<Store>& store);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_LIFECYCLE_H_
