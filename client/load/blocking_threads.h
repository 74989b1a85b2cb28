// Threads for calls that wait.
#ifndef KVSIFT_CLIENT_LOAD_BLOCKING_THREADS_H_
#define KVSIFT_CLIENT_LOAD_BLOCKING_THREADS_H_

#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::load {

// Thread-safe.
class BlockingThreads {
 public:
  explicit BlockingThreads(int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
  }

  // Waits for all tasks.
  ~BlockingThreads() {
    {
      absl::MutexLock lock(&mutex_);
      ends_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // Runs `task` as soon as a thread is free; it may block.
  void Post(std::function<void()> task) {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
  }

 private:
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ends_ || !tasks_.empty(); }

  void Run() {
    for (;;) {
      std::function<void()> task;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &BlockingThreads::HasNews));
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_BLOCKING_THREADS_H_
