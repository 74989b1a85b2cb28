// The host memory that a CPU backend keeps its pages in.
#ifndef KVSIFT_KERNELS_PAGE_MEMORY_H_
#define KVSIFT_KERNELS_PAGE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

namespace kvsift {

// One flat range of host memory, aligned to 64 bytes. Injected into the CPU backends, so that
// tests decide where pages come from.
class PageMemory {
 public:
  virtual ~PageMemory() = default;

  virtual std::byte* data() = 0;
  virtual int64_t bytes() const = 0;

  // The range [offset, offset + bytes) is dead; its memory may go back to the system.
  virtual void Discard(int64_t offset, int64_t bytes) = 0;
};

// Address space of `bytes` bytes that takes memory from the system as pages are first written
// and offers aligned pieces of 2 MiB on Discard, which it takes back when it needs memory; until
// then they count as resident. Smaller ones stay.
// Errors: RESOURCE_EXHAUSTED if the system refuses the range.
absl::StatusOr<std::unique_ptr<PageMemory>> ReservePageMemory(int64_t bytes);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_PAGE_MEMORY_H_
