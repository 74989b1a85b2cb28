// Threads for calls that wait.
#ifndef KVSIFT_CLIENT_CPP_BLOCKING_THREADS_H_
#define KVSIFT_CLIENT_CPP_BLOCKING_THREADS_H_

#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::client {

// Thread-safe. Threads are started when there is work for them.
class BlockingThreads {
 public:
  explicit BlockingThreads(int most) : most_(most) {}

  // Waits for all tasks.
  ~BlockingThreads() {
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mutex_);
      ends_ = true;
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Runs `task` as soon as a thread is free; it may block.
  void Post(std::function<void()> task) {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < std::ssize(tasks_) && std::ssize(threads_) < most_ && !ends_) {
      threads_.emplace_back([this] { Run(); });
    }
  }

 private:
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ends_ || !tasks_.empty(); }

  void Run() {
    for (;;) {
      std::function<void()> task;
      {
        absl::MutexLock lock(&mutex_);
        ++idle_;
        mutex_.Await(absl::Condition(this, &BlockingThreads::HasNews));
        --idle_;
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  const int most_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_BLOCKING_THREADS_H_
