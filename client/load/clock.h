// The time, and what is to be done later.
#ifndef KVSIFT_CLIENT_LOAD_CLOCK_H_
#define KVSIFT_CLIENT_LOAD_CLOCK_H_

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift::load {

// Nanoseconds of the steady clock.
int64_t MonotonicNs();

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since some moment; never goes back.
  virtual int64_t Now() const = 0;

  // Calls `task` once, at `time` or as soon after it as can be, on another thread. A task must
  // not block. What is not due yet when the clock ends is never called.
  virtual void At(int64_t time, std::function<void()> task) = 0;
};

// The steady clock of the system, with one thread for what is to be done later.
class SteadyClock final : public Clock {
 public:
  SteadyClock();
  ~SteadyClock() override;

  int64_t Now() const override { return MonotonicNs(); }
  void At(int64_t time, std::function<void()> task) override;

 private:
  struct Task {
    int64_t time;
    int64_t number;  // equal times: in the order of the calls
    std::function<void()> run;
  };
  static bool IsLater(const Task& left, const Task& right) {
    return std::pair(left.time, left.number) > std::pair(right.time, right.number);
  }

  void Run();

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);  // a heap, the next one first
  int64_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_CLOCK_H_
