#include "client/cpp/chunk_pool.h"

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::client {

struct ChunkPool::Chunk {
  explicit Chunk(size_t capacity)
      : size(capacity), memory(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}

  const size_t size;
  const std::unique_ptr<std::byte[]> memory;
  std::shared_ptr<Unused> home;  // while it is used
};

struct ChunkPool::Unused {
  // One of at least `size` bytes, or null. Those that are too small go: messages of one append
  // are alike, but for the last.
  std::unique_ptr<Chunk> Take(size_t size) {
    absl::MutexLock lock(&mutex);
    while (!chunks.empty()) {
      std::unique_ptr<Chunk> chunk = std::move(chunks.back());
      chunks.pop_back();
      if (chunk->size >= size) return chunk;
    }
    return nullptr;
  }

  void Add(std::unique_ptr<Chunk> chunk) {
    absl::MutexLock lock(&mutex);
    chunks.push_back(std::move(chunk));
  }

  absl::Mutex mutex;
  std::vector<std::unique_ptr<Chunk>> chunks ABSL_GUARDED_BY(mutex);
};

ChunkPool::ChunkPool() : unused_(std::make_shared<Unused>()) {}

grpc::Slice ChunkPool::Make(size_t size, const std::function<void(std::span<std::byte>)>& write) {
  std::unique_ptr<Chunk> chunk = unused_->Take(size);
  if (chunk == nullptr) chunk = std::make_unique<Chunk>(size);
  write({chunk->memory.get(), size});
  chunk->home = unused_;
  std::byte* const memory = chunk->memory.get();
  return {memory, size, GiveBack, chunk.release()};
}

void ChunkPool::GiveBack(void* chunk) {
  std::unique_ptr<Chunk> mine(static_cast<Chunk*>(chunk));
  // Held here, as the chunk must not hold what holds it.
  const std::shared_ptr<Unused> home = std::move(mine->home);
  home->Add(std::move(mine));
}

}  // namespace kvsift::client
