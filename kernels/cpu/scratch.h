// Working memory of tasks, kept between them so that a busy backend does not allocate.
#ifndef KVSIFT_KERNELS_CPU_SCRATCH_H_
#define KVSIFT_KERNELS_CPU_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <span>
#include <vector>

namespace kvsift {

// Hands out uninitialised arrays, aligned to 64 bytes, that live until Clear. Containers whose
// size is not known ahead take it as their memory resource. Not thread-safe.
class Scratch final : public std::pmr::memory_resource {
 public:
  template <typename T>
  std::span<T> Array(int64_t count) {
    return {static_cast<T*>(Allocate(count * static_cast<int64_t>(sizeof(T)))),
            static_cast<size_t>(count)};
  }

  // Takes everything back; the memory stays, as one block.
  void Clear();

  int64_t bytes() const { return bytes_; }

 private:
  struct FreeAligned {
    void operator()(std::byte* block) const;
  };
  using Block = std::unique_ptr<std::byte, FreeAligned>;

  // REQUIRES: alignment is at most 64 bytes, for all of these.
  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void*, size_t, size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  void* Allocate(int64_t bytes);
  void AddBlock(int64_t bytes);

  std::vector<Block> blocks_;  // arrays come from the last one
  int64_t bytes_ = 0;          // of all blocks
  int64_t last_bytes_ = 0;
  int64_t last_used_ = 0;
};

// A free list of Scratch, which must outlive what was taken from it. Thread-safe.
class ScratchPool {
 public:
  // Gives a Scratch back to its pool; beyond a fixed count and size it is freed instead.
  struct GiveBack {
    ScratchPool* pool = nullptr;
    void operator()(Scratch* scratch) const { pool->Return(std::unique_ptr<Scratch>(scratch)); }
  };
  using Lease = std::unique_ptr<Scratch, GiveBack>;

  Lease Take();

 private:
  void Return(std::unique_ptr<Scratch> scratch);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_SCRATCH_H_
