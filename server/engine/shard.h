// One device: its backend, its pool, its scheduler. A store lives on one shard, and so do its
// sequences and their forks; shards share nothing.
#ifndef KVSIFT_SERVER_ENGINE_SHARD_H_
#define KVSIFT_SERVER_ENGINE_SHARD_H_

#include <memory>
#include <utility>

#include "kernels/backend.h"
#include "server/engine/engine.h"
#include "server/engine/scheduler.h"

namespace kvsift {

struct Shard {
  Shard(std::unique_ptr<Backend> its_backend, Scheduler::Options options)
      : backend(std::move(its_backend)), scheduler(*backend, std::move(options)) {}

  ShardInfo Info() {
    ShardInfo info;
    info.backend = backend->info();
    scheduler.Inspect([&info](const PagePool& pool) { info.memory = pool.Use(); });
    return info;
  }

  const std::unique_ptr<Backend> backend;
  Scheduler scheduler;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_SHARD_H_
