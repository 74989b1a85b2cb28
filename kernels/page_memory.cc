#include "kernels/page_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace kvsift {
namespace {

// The range starts at a huge page, so that page memory is made of whole ones. Only whole ones go
// back to the system: to split one costs more than it gives, for each of a long sequence's pages
// while others wait, and what stays resident is about to be reused.
constexpr uintptr_t kHugePageBytes = uintptr_t{2} << 20;

constexpr uintptr_t RoundUp(uintptr_t value, uintptr_t unit) {
  return (value + unit - 1) / unit * unit;
}

// The system takes the memory when it needs it. Until then it is still there for what is written
// next, which would else wait for fresh memory to be cleared, at the speed of memory.
void GiveBack(void* memory, size_t bytes) {
#ifdef MADV_FREE
  if (madvise(memory, bytes, MADV_FREE) == 0) return;
#endif
  madvise(memory, bytes, MADV_DONTNEED);
}

class ReservedMemory final : public PageMemory {
 public:
  ReservedMemory(void* mapping, size_t mapped_bytes, int64_t bytes)
      : mapping_(mapping), mapped_bytes_(mapped_bytes), bytes_(bytes) {
    data_ =
        reinterpret_cast<std::byte*>(RoundUp(reinterpret_cast<uintptr_t>(mapping), kHugePageBytes));
    madvise(data_, static_cast<size_t>(bytes), MADV_HUGEPAGE);  // a hint: it may be refused
  }
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;
  ~ReservedMemory() override { munmap(mapping_, mapped_bytes_); }

  std::byte* data() override { return data_; }
  int64_t bytes() const override { return bytes_; }

  void Discard(int64_t offset, int64_t bytes) override {
    const uintptr_t first = reinterpret_cast<uintptr_t>(data_) + static_cast<uintptr_t>(offset);
    const uintptr_t begin = RoundUp(first, kHugePageBytes);
    const uintptr_t end = (first + static_cast<uintptr_t>(bytes)) / kHugePageBytes * kHugePageBytes;
    if (begin < end) GiveBack(reinterpret_cast<void*>(begin), end - begin);
  }

 private:
  void* const mapping_;
  const size_t mapped_bytes_;
  const int64_t bytes_;
  std::byte* data_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PageMemory>> ReservePageMemory(int64_t bytes) {
  const size_t mapped_bytes = static_cast<size_t>(bytes) + kHugePageBytes;
  void* mapping = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("page memory: cannot reserve ", bytes, " bytes: ", strerror(errno)));
  }
  return std::make_unique<ReservedMemory>(mapping, mapped_bytes, bytes);
}

}  // namespace kvsift
