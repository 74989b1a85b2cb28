// Waiting awake.
#ifndef KVSIFT_PROTO_TRANSPORT_BUSY_WAIT_H_
#define KVSIFT_PROTO_TRANSPORT_BUSY_WAIT_H_

#include <chrono>

namespace kvsift {

// To wake a thread takes tens of microseconds, so one whose waits are short had better not sleep.
// It polls first, for a limited time, and only while its waits are shorter than that: whoever waits
// for what takes longer sleeps at once.
//
// For one thread at a time.
class BusyWait {
 public:
  // Calls poll() until it returns true, for at most `limit`; then returns what sleep() returns.
  // Without time to poll it learns nothing of waits either.
  template <typename Poll, typename Sleep>
  bool Await(std::chrono::nanoseconds limit, Poll poll, Sleep sleep) {
    if (limit.count() == 0) return sleep();
    const Clock::time_point end = Clock::now() + limit;
    while (was_short_ && Clock::now() < end) {
      if (poll()) return true;
    }
    const bool came = sleep();
    was_short_ = Clock::now() < end;
    return came;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool was_short_ = true;  // the last wait
};

}  // namespace kvsift

#endif  // KVSIFT_PROTO_TRANSPORT_BUSY_WAIT_H_
