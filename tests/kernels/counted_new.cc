#include "tests/kernels/counted_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace kvsift {
namespace {

thread_local int64_t of_this_thread = 0;
std::atomic<int64_t> of_all_threads = 0;

void* Counted(void* memory) {
  ++of_this_thread;
  of_all_threads.fetch_add(1, std::memory_order_relaxed);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

int64_t AllocationsOfThisThread() { return of_this_thread; }
int64_t AllocationsOfAllThreads() { return of_all_threads.load(std::memory_order_relaxed); }

}  // namespace kvsift

// The array forms of the library call these.
void* operator new(size_t bytes) { return kvsift::Counted(std::malloc(bytes == 0 ? 1 : bytes)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<size_t>(alignment);
  return kvsift::Counted(std::aligned_alloc(unit, (bytes + unit) / unit * unit));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
