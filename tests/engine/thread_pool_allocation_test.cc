// A job of many tasks allocates as often as a job of one. A program of its own, because it counts
// at operator new.
#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/mutex.h"
#include "server/engine/thread_pool.h"
#include "tests/kernels/counted_new.h"

namespace kvsift {
namespace {

// What half of the jobs of `tasks` tasks allocate at most.
int64_t UsualAllocations(ThreadPool& pool, int64_t tasks) {
  std::vector<int64_t> counts;
  for (int job = 0; job < 21; ++job) {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    const int64_t before = AllocationsOfAllThreads();
    const auto finish = [&] {
      MutexLock lock(mutex);
      done = true;
      changed.SignalAll();
    };
    // As small as what a std::function holds without memory of its own.
    pool.Run(
        tasks, [](int64_t) {}, [&finish] { finish(); });
    MutexLock lock(mutex);
    while (!done) changed.Wait(mutex);
    counts.push_back(AllocationsOfAllThreads() - before);
  }
  std::nth_element(counts.begin(), counts.begin() + 10, counts.end());
  return counts[10];
}

TEST(ThreadPoolAllocation, AsManyForAThousandTasksAsForOne) {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    const int64_t one = UsualAllocations(pool, 1);
    EXPECT_GT(one, 0);
    EXPECT_EQ(UsualAllocations(pool, 1000), one);
  }
}

}  // namespace
}  // namespace kvsift
