// Memory of messages that is used again.
#ifndef KVSIFT_CLIENT_CPP_CHUNK_POOL_H_
#define KVSIFT_CLIENT_CPP_CHUNK_POOL_H_

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace kvsift::client {

// Fresh memory for each message costs a page fault every 4 KiB, as much as writing it. Thread-safe;
// slices may outlive the pool.
class ChunkPool {
 public:
  ChunkPool();

  // A slice of `size` bytes, which `write` writes. Its memory comes back once gRPC lets go of it.
  grpc::Slice Make(size_t size, const std::function<void(std::span<std::byte>)>& write);

 private:
  struct Chunk;
  struct Unused;

  static void GiveBack(void* chunk);

  const std::shared_ptr<Unused> unused_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CHUNK_POOL_H_
