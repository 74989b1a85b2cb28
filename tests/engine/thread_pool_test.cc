#include "server/engine/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using ::testing::Each;

// Opens once.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    opened_.SignalAll();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (!open_) opened_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar opened_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(ThreadPool, RunsEachTaskOnceAndThenDoneOnce) {
  std::vector<std::atomic<int>> runs(1000);
  std::atomic<int> done = 0;
  Gate finished;
  ThreadPool pool(3);
  EXPECT_EQ(pool.concurrency(), 3);
  pool.Run(
      1000, [&](int64_t i) { ++runs[i]; },
      [&] {
        EXPECT_THAT(std::vector<int>(runs.begin(), runs.end()), Each(1));
        ++done;
        finished.Open();
      });
  finished.Wait();
  EXPECT_EQ(done, 1);
}

TEST(ThreadPool, DestructionFinishesJobsAndWhatTheyStart) {
  std::atomic<int> tasks = 0;
  {
    ThreadPool pool(2);
    for (int i = 0; i < 50; ++i) {
      pool.Run(
          4, [&](int64_t) { ++tasks; },
          [&] {
            pool.Run(
                1, [&](int64_t) { ++tasks; }, [] {});
          });
    }
  }
  EXPECT_EQ(tasks, 250);
}

// Tasks that wait for each other end only if each has a thread: no thread sleeps beside a task.
TEST(ThreadPool, AsManyTasksRunAtOnceAsThereAreThreads) {
  constexpr int kThreads = 5;
  ThreadPool pool(kThreads);
  for (int round = 0; round < 200; ++round) {
    std::latch all_run(kThreads);
    std::latch all_done(2);
    // Two jobs, so that threads are woken by callers and by each other.
    pool.Run(
        3, [&](int64_t) { all_run.arrive_and_wait(); }, [&] { all_done.count_down(); });
    pool.Run(
        2, [&](int64_t) { all_run.arrive_and_wait(); }, [&] { all_done.count_down(); });
    all_done.wait();
  }
}

// With one thread the order of tasks can be seen.
TEST(ThreadPool, ALargeJobHoldsBackASmallOneForOneTaskAtMost) {
  std::vector<int> order;
  Gate both_given;
  {
    ThreadPool pool(1);
    pool.Run(
        100,
        [&](int64_t i) {
          if (i == 0) both_given.Wait();
          order.push_back(1);
        },
        [] {});
    pool.Run(
        2, [&](int64_t) { order.push_back(2); }, [] {});
    both_given.Open();
  }
  ASSERT_EQ(order.size(), 102u);
  // Whether the first task had begun when the small job came depends on the thread's start.
  const auto small = std::find(order.begin(), order.end(), 2) - order.begin();
  EXPECT_LE(small, 2);
  EXPECT_EQ(order[small + 1], 1);
  EXPECT_EQ(order[small + 2], 2);
}

TEST(ThreadPool, DoneSeesWhatTasksWrote) {
  for (int round = 0; round < 100; ++round) {
    std::vector<int64_t> values(64);  // not atomic: the thread sanitizer checks the promise
    int64_t sum = 0;
    Gate finished;
    ThreadPool pool(4);
    pool.Run(
        64, [&](int64_t i) { values[i] = i; },
        [&] {
          sum = std::accumulate(values.begin(), values.end(), int64_t{0});
          finished.Open();
        });
    finished.Wait();
    EXPECT_EQ(sum, 2016);
  }
}

}  // namespace
}  // namespace kvsift
