#include "server/engine/thread_pool.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace kvsift {
namespace {

// Time slice of a thread of the pool. Longer than that of others, so that a thread with a call to
// serve, which wakes up where one of these runs, need not wait for the end of its slice. Its share
// of the processor stays the same. Linux 6.12 and later; ignored before.
constexpr uint64_t kSliceNs = 20'000'000;

// The kernel's struct sched_attr in its first version, whose header goes with no glibc's.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0x08;  // SCHED_FLAG_KEEP_POLICY
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // of a thread without a deadline: its slice
  uint64_t deadline = 0;
  uint64_t period = 0;
};

void LengthenSlice() {
  SchedulingAttributes attributes;
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  attributes.runtime = kSliceNs;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// How many sleeping threads one that starts a task wakes while tasks are left.
constexpr int kWakesPerTurn = 2;

}  // namespace

struct ThreadPool::Job {
  int64_t count = 0;
  int64_t next = 0;  // first task that nobody has taken; guarded by the pool's mutex
  std::atomic<int64_t> unfinished{0};
  std::function<void(int64_t)> task;
  std::function<void()> done;
};

ThreadPool::ThreadPool(int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_added_.SignalAll();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) {
  auto job = std::make_shared<Job>();
  job->count = count;
  job->unfinished.store(count, std::memory_order_relaxed);
  job->task = std::move(task);
  job->done = std::move(done);
  int wakes = 0;
  {
    MutexLock lock(mutex_);
    jobs_.push_back(std::move(job));
    wakes = std::min(1, sleeping_);
  }
  Wake(wakes);
}

void ThreadPool::Work() {
  LengthenSlice();
  for (;;) {
    const Turn turn = NextTurn();
    if (turn.job == nullptr) return;
    turn.job->task(turn.index);
    // The last task sees what the others wrote before it runs `done`.
    if (turn.job->unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) turn.job->done();
  }
}

ThreadPool::Turn ThreadPool::NextTurn() {
  Turn turn;
  int wakes = 0;
  {
    MutexLock lock(mutex_);
    while (jobs_.empty() && !stopping_) {
      ++sleeping_;
      work_added_.Wait(mutex_);
      --sleeping_;
    }
    if (jobs_.empty()) return {};
    turn.job = jobs_.front();
    turn.index = turn.job->next++;
    if (turn.job->next < turn.job->count) {
      jobs_.splice(jobs_.end(), jobs_, jobs_.begin());
    } else {
      jobs_.pop_front();
    }
    if (!jobs_.empty()) wakes = std::min(kWakesPerTurn, sleeping_);
  }
  Wake(wakes);
  return turn;
}

void ThreadPool::Wake(int count) {
  for (int i = 0; i < count; ++i) work_added_.SignalOne();
}

}  // namespace kvsift
