// Decides when a worker makes its next call.
//
// Closed loop: the next call starts when the answer to the last one is there. The rate is then
// what the server makes of so many callers, and a stalled server is asked less.
//
// Open loop: calls arrive at times that a schedule decides, whatever the server does; a worker
// that is free takes the oldest arrival. Latency counts from the arrival, not from the sending:
// a call that had to wait because the server stalled has waited, and a tester that left that time
// out would report the stall once instead of once per call it delayed (coordinated omission).
#ifndef KVSIFT_CLIENT_LOAD_PACING_H_
#define KVSIFT_CLIENT_LOAD_PACING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/load/arrival_schedule.h"
#include "client/load/clock.h"

namespace kvsift::load {

class Pacing;

// Makes one call after the other.
class Worker {
 public:
  virtual ~Worker() = default;

  // Brings the server where the first call needs it. Blocks; at most one at a time.
  virtual absl::Status Prepare() { return absl::OkStatus(); }

  // Starts the next call, whose latency counts from `intended`, and returns without waiting.
  // When its answer is there the worker says pacing.Ready(*this).
  virtual void Start(Pacing& pacing, int64_t intended) = 0;
};

// Thread-safe. Outlives the calls it started: WaitIdle before it ends.
class Pacing {
 public:
  virtual ~Pacing() = default;

  // Lets the workers begin.
  virtual void Begin(const std::vector<Worker*>& workers) = 0;

  // `worker` has finished its call.
  virtual void Ready(Worker& worker) = 0;

  // No call starts any more.
  virtual void Stop() = 0;

  // Waits until no worker has a call under way.
  virtual void WaitIdle() = 0;
};

class ClosedLoop final : public Pacing {
 public:
  struct Options {
    int64_t ramp_ns = 0;   // workers begin one by one over this time
    int64_t think_ns = 0;  // between an answer and the next call
  };
  ClosedLoop(Clock& clock, Options options) : clock_(clock), options_(options) {}

  void Begin(const std::vector<Worker*>& workers) override;
  void Ready(Worker& worker) override;
  void Stop() override;
  void WaitIdle() override;

 private:
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return busy_ == 0; }
  void StartAt(Worker& worker, int64_t time);
  void StartNow(Worker& worker);

  Clock& clock_;
  const Options options_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t busy_ ABSL_GUARDED_BY(mutex_) = 0;  // workers that are not done for good
};

class OpenLoop final : public Pacing {
 public:
  // Times when the measurement begins and ends. Arrivals before the begin that nobody has taken by
  // then are dropped: a server that cannot keep up would otherwise still be at them at the end.
  // Those that wait at the end are still served until Stop.
  struct Window {
    int64_t begin = 0;
    int64_t end = 0;
  };
  OpenLoop(Clock& clock, ArrivalSchedule schedule, Window window)
      : clock_(clock), schedule_(schedule), window_(window) {}

  void Begin(const std::vector<Worker*>& workers) override;
  void Ready(Worker& worker) override;
  void Stop() override;
  // Also until no timer of this is set.
  void WaitIdle() override;

  // True when all arrivals up to the end were served.
  bool Drained();

  // Arrivals that no worker took before Stop. REQUIRES: WaitIdle has returned.
  std::vector<int64_t> Unsent();

 private:
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return busy_ == 0 && !timer_set_; }
  void SetTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer();
  void DropWarmUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  absl::Mutex mutex_;
  ArrivalSchedule schedule_ ABSL_GUARDED_BY(mutex_);
  const Window window_;
  int64_t start_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // the arrival that the timer waits for
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool timer_set_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t busy_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<int64_t> waiting_ ABSL_GUARDED_BY(mutex_);  // arrivals that nobody has taken
  std::deque<Worker*> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_PACING_H_
