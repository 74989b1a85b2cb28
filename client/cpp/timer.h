// One thread that calls functions when their time has come.
#ifndef KVSIFT_CLIENT_CPP_TIMER_H_
#define KVSIFT_CLIENT_CPP_TIMER_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace kvsift::client {

// For a few alarms that are set again and again. Thread-safe.
class Timer {
 public:
  Timer();

  // Waits for the function that is being called; no other is called any more. Not to be destroyed
  // by one of them.
  ~Timer();

  // Makes an alarm, which is not set, and returns its index.
  int AddAlarm(std::function<void()> function);

  // Calls the alarm's function once, not before `time`, in place of the time that was set before.
  // Functions are called one after the other and may set alarms.
  void Set(int alarm, absl::Time time);

 private:
  struct Alarm {
    std::function<void()> function;
    absl::Time time = absl::InfiniteFuture();
  };

  void Run();

  // Unsets and returns an alarm whose time has come, or -1 at the end.
  int AwaitAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::vector<Alarm> alarms_ ABSL_GUARDED_BY(mutex_);
  bool is_woken_ ABSL_GUARDED_BY(mutex_) = false;  // an alarm was set, or the end has come
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_TIMER_H_
