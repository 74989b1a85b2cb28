// Tells a thread of Python, which waits for a file descriptor, what has completed.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_COMPLETIONS_H_
#define KVSIFT_CLIENT_PYTHON_SRC_COMPLETIONS_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::python {

// Threads of gRPC add numbers without ever needing the GIL; an event loop, or a thread that reads
// the descriptor, takes them. Thread-safe.
class Completions {
 public:
  Completions();
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  // An eventfd, readable while numbers wait; -1 if the process has no descriptor left.
  int descriptor() const { return descriptor_; }

  void Add(uint64_t number);

  // Takes all numbers; the descriptor is not readable any more.
  std::vector<uint64_t> Take();

 private:
  const int descriptor_;
  absl::Mutex mutex_;
  std::vector<uint64_t> numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_COMPLETIONS_H_
