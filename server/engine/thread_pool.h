// The executor that kernels run on: a fixed number of threads shared fairly by jobs.
#ifndef KVSIFT_SERVER_ENGINE_THREAD_POOL_H_
#define KVSIFT_SERVER_ENGINE_THREAD_POOL_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/executor.h"
#include "server/engine/mutex.h"

namespace kvsift {

// Threads take one task at a time from each job in turn, so that a job of many tasks does not
// hold back a small one that arrives later by more than the tasks that are already running.
//
// Run wakes one thread, and threads wake each other while tasks are left. Were all woken by the
// caller, which goes to sleep itself as a rule, a scheduler tends to put two of them on one
// processor while another idles, and leaves them there for milliseconds (kernels/PERFORMANCE.md).
class ThreadPool final : public Executor {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);

  // Waits until every job that was given is done. REQUIRES: not called by one of its threads.
  ~ThreadPool() override;

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int concurrency() const override { return static_cast<int>(threads_.size()); }

  // Tasks and `done` may call Run themselves.
  void Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) override;

 private:
  struct Job;
  struct Turn {
    std::shared_ptr<Job> job;
    int64_t index = 0;
  };

  void Work();

  // The next task, the job of which goes to the back of the queue if it has more. Waits for one;
  // a turn without a job says that the pool is being destroyed and no task is left. Wakes others
  // if it leaves tasks.
  Turn NextTurn();

  // Signals without the mutex, so that who wakes need not wait for it.
  void Wake(int count);

  Mutex mutex_;
  CondVar work_added_;
  // Each has tasks to start. A list, so that a turn allocates nothing.
  std::list<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
  int sleeping_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that wait for work
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_THREAD_POOL_H_
