#include "kernels/cpu/scratch.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace kvsift {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr int64_t kFirstBlockBytes = int64_t{256} << 10;
// What a pool keeps: enough for the tasks of a large machine, but no memory of one huge request.
constexpr size_t kMaxKept = 256;
constexpr int64_t kMaxKeptBytes = int64_t{4} << 20;

}  // namespace

void Scratch::FreeAligned::operator()(std::byte* block) const {
  ::operator delete(block, kAlignment);
}

void Scratch::AddBlock(int64_t bytes) {
  blocks_.emplace_back(
      static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kAlignment)));
  bytes_ += bytes;
  last_bytes_ = bytes;
  last_used_ = 0;
}

void* Scratch::do_allocate(size_t bytes, [[maybe_unused]] size_t alignment) {
  assert(std::align_val_t{alignment} <= kAlignment);
  return Allocate(static_cast<int64_t>(bytes));
}

void* Scratch::Allocate(int64_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  if (last_used_ + bytes > last_bytes_) {
    AddBlock(std::max({bytes, 2 * last_bytes_, kFirstBlockBytes}));
  }
  void* array = blocks_.back().get() + last_used_;
  last_used_ += bytes;
  return array;
}

void Scratch::Clear() {
  if (blocks_.size() > 1) {
    const int64_t total = bytes_;
    blocks_.clear();
    bytes_ = 0;
    AddBlock(total);
  }
  last_used_ = 0;
}

ScratchPool::Lease ScratchPool::Take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return Lease(std::make_unique<Scratch>().release(), {this});
  std::unique_ptr<Scratch> scratch = std::move(free_.back());
  free_.pop_back();
  return Lease(scratch.release(), {this});
}

void ScratchPool::Return(std::unique_ptr<Scratch> scratch) {
  if (scratch->bytes() > kMaxKeptBytes) return;
  scratch->Clear();
  const std::lock_guard lock(mutex_);
  if (free_.size() < kMaxKept) free_.push_back(std::move(scratch));
}

}  // namespace kvsift
