// A clock that stands still until a test moves it.
#ifndef KVSIFT_TESTS_CLIENT_LOAD_FAKE_CLOCK_H_
#define KVSIFT_TESTS_CLIENT_LOAD_FAKE_CLOCK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "client/load/clock.h"

namespace kvsift::load {

// For one thread.
class FakeClock final : public Clock {
 public:
  int64_t Now() const override { return now_; }
  void At(int64_t time, std::function<void()> task) override {
    tasks_.emplace(time, std::move(task));
  }

  // Goes on to `time`; what is due on the way runs at its time.
  void AdvanceTo(int64_t time) {
    while (!tasks_.empty() && tasks_.begin()->first <= time) {
      auto task = tasks_.extract(tasks_.begin());
      now_ = std::max(now_, task.key());
      task.mapped()();
    }
    now_ = std::max(now_, time);
  }

 private:
  int64_t now_ = 0;
  std::multimap<int64_t, std::function<void()>> tasks_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_TESTS_CLIENT_LOAD_FAKE_CLOCK_H_
