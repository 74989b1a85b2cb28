// Where kernels run their parallel parts. Kernels start no threads of their own.
#ifndef KVSIFT_KERNELS_EXECUTOR_H_
#define KVSIFT_KERNELS_EXECUTOR_H_

#include <cstdint>
#include <functional>

namespace kvsift {

// Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;

  // How many tasks can run at once; at least 1.
  virtual int concurrency() const = 0;

  // Runs task(0) .. task(count - 1), each once, in any order and possibly at once, then done()
  // on the thread that finished the last one. Jobs given at the same time share the threads
  // fairly: a large one does not hold back a small one for longer than a task takes.
  // Does not wait for them. REQUIRES: count >= 1.
  virtual void Run(int64_t count, std::function<void(int64_t)> task,
                   std::function<void()> done) = 0;
};

// Runs everything on the calling thread before Run returns.
class InlineExecutor final : public Executor {
 public:
  int concurrency() const override { return 1; }
  void Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) override;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_EXECUTOR_H_
