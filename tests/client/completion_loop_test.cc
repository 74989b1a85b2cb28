// The loop on which clients and servers hear what became of their calls.
#include "proto/transport/completion_loop.h"

#include <grpcpp/alarm.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace kvsift {
namespace {

// An event of an alarm that goes off at once.
class Alarmed final : public CompletionLoop::Event {
 public:
  explicit Alarmed(std::function<void()> react) : react_(std::move(react)) {}

  void Happen(CompletionLoop& loop) {
    alarm_.Set(&loop.queue(), std::chrono::system_clock::now(), this);
  }

  void Happened(bool ok) override {
    EXPECT_TRUE(ok);
    react_();
  }

 private:
  grpc::Alarm alarm_;
  const std::function<void()> react_;
};

std::unique_ptr<CompletionLoop> LoopWith(int helpers) {
  return std::make_unique<CompletionLoop>(std::make_unique<grpc::CompletionQueue>(),
                                          CompletionLoopOptions{.helpers = helpers, .period = {}});
}

// One after the other, each when the reaction to the one before has ended.
TEST(CompletionLoop, WithoutHelpersReactsOnItsOwnThread) {
  const auto loop = LoopWith(0);
  std::set<std::thread::id> threads;
  for (int i = 0; i < 20; ++i) {
    absl::Notification done;
    Alarmed event([&] {
      threads.insert(std::this_thread::get_id());
      done.Notify();
    });
    event.Happen(*loop);
    done.WaitForNotification();
  }
  EXPECT_EQ(threads.size(), 1u);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

// Events that pile up behind one that keeps the thread, and take their time.
TEST(CompletionLoop, HasHelpersDoWhatPilesUp) {
  constexpr int kEvents = 30;
  const auto loop = LoopWith(3);
  absl::Mutex mutex;
  std::set<std::thread::id> threads;
  absl::BlockingCounter reacted(kEvents);
  std::vector<std::unique_ptr<Alarmed>> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back(std::make_unique<Alarmed>([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      {
        absl::MutexLock lock(&mutex);
        threads.insert(std::this_thread::get_id());
      }
      reacted.DecrementCount();
    }));
  }
  for (const auto& event : events) event->Happen(*loop);
  reacted.Wait();
  EXPECT_GT(threads.size(), 2u);  // more than the first one and its deputy
}

TEST(CompletionLoop, HasOthersLookWhileALongReactionGoesOn) {
  const auto loop = LoopWith(1);
  absl::Notification helped;
  Alarmed other([&] { helped.Notify(); });
  absl::Notification done;
  Alarmed event([&] {
    loop->CallHelp();
    other.Happen(*loop);
    helped.WaitForNotification();
    done.Notify();
  });
  event.Happen(*loop);
  done.WaitForNotification();
}

// Reactions that say nothing of how long they take, as what gRPC does inside of a look.
TEST(CompletionLoop, HasAHelperLookWhereAllOthersAreKept) {
  const auto loop = LoopWith(2);
  std::atomic<bool> is_helped = false;
  absl::BlockingCounter done(2);
  const auto keep = [&] {
    while (!is_helped) {
    }
    done.DecrementCount();
  };
  Alarmed first(keep);
  Alarmed second(keep);
  Alarmed last([&] { is_helped = true; });
  for (Alarmed* event : {&first, &second, &last}) {
    event->Happen(*loop);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  done.Wait();
}

TEST(CompletionLoop, DoesWithoutHelpersWhatItIsToDoWithout) {
  const auto loop = LoopWith(0);
  absl::Notification done;
  Alarmed other([&] { done.Notify(); });
  Alarmed event([&] {
    loop->CallHelp();
    other.Happen(*loop);
  });
  event.Happen(*loop);
  done.WaitForNotification();
}

TEST(CompletionLoop, WaitsAwakeForWhatIsAwaitedAndNotForever) {
  const auto loop = LoopWith(0);
  EXPECT_EQ(loop->Await(absl::ZeroDuration()), nullptr);
  const CompletionLoop::Awaiting wait = loop->Await(absl::Milliseconds(1));
  // Comes while the loop polls, or after it has gone to sleep.
  for (const int us : {0, 100, 5000, 100, 5000}) {
    std::this_thread::sleep_for(std::chrono::microseconds(us));
    absl::Notification done;
    Alarmed event([&] { done.Notify(); });
    event.Happen(*loop);
    done.WaitForNotification();
  }
}

TEST(CompletionLoop, LooksFromTimeToTimeIfItIsToldTo) {
  CompletionLoop loop(std::make_unique<grpc::CompletionQueue>(),
                      {.helpers = 0, .period = std::chrono::milliseconds(1)});
  absl::Notification done;
  Alarmed event([&] { done.Notify(); });
  event.Happen(loop);
  done.WaitForNotification();
}

TEST(CompletionLoop, EndsWhenEverythingHasBeenReactedTo) {
  int reacted = 0;
  {
    const auto loop = LoopWith(1);
    // Alarms that are still in the queue at the end are told of; they outlive the loop.
    static std::vector<std::unique_ptr<Alarmed>> events;
    events.clear();
    absl::BlockingCounter begun(10);
    for (int i = 0; i < 10; ++i) {
      events.push_back(std::make_unique<Alarmed>([&] {
        ++reacted;
        begun.DecrementCount();
      }));
      events.back()->Happen(*loop);
    }
    begun.Wait();
  }
  EXPECT_EQ(reacted, 10);
}

}  // namespace
}  // namespace kvsift
