#include "client/python/src/completions.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace kvsift::python {

Completions::Completions() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Completions::~Completions() { close(descriptor_); }

void Completions::Add(uint64_t number) {
  absl::MutexLock lock(&mutex_);
  numbers_.push_back(number);
  if (numbers_.size() == 1) eventfd_write(descriptor_, 1);
}

std::vector<uint64_t> Completions::Take() {
  absl::MutexLock lock(&mutex_);
  eventfd_t ignored = 0;
  eventfd_read(descriptor_, &ignored);
  return std::exchange(numbers_, {});
}

}  // namespace kvsift::python
