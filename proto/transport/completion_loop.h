// The threads on which a process hears what became of its calls, for clients and servers alike.
#ifndef KVSIFT_PROTO_TRANSPORT_COMPLETION_LOOP_H_
#define KVSIFT_PROTO_TRANSPORT_COMPLETION_LOOP_H_

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/transport/busy_wait.h"

namespace kvsift {

struct CompletionLoopOptions {
  // Threads beside the one that waits for events and its deputy; they start when they are needed.
  // None: that one does everything, and has no deputy.
  int helpers = 0;
  // If not 0, the queue is looked at so often, and never waited for: for a second loop of a
  // process (see below).
  std::chrono::milliseconds period{0};
};

// One thread waits for the completions of gRPC's operations and reacts to each itself: nobody has
// to be woken for it. Where they come faster than that, or a reaction takes long (CallHelp),
// helpers wake up and do the same, until they find nothing to do.
//
// A process should have one loop that waits, and no calls of gRPC's callback or synchronous server
// API: of all threads of a process that wait for gRPC only one watches the connections, and the
// others sleep until it hands them what it has read. So a thread that polls would do so in vain.
// Helpers poll, too, and wait only while nobody else can.
//
// One more thread, the deputy, sees from time to time while events come whether the others still
// come round. Whatever keeps them inside of gRPC (a connection that begins or ends, megabytes that
// are read) keeps the calls of other connections no longer than that: the deputy looks in the place
// of a first thread that sleeps, and calls a helper beside one that works.
class CompletionLoop {
 public:
  // What a tag of the queue points to.
  class Event {
   public:
    // gRPC has done what was asked; `ok` as gRPC says it. Must not block.
    virtual void Happened(bool ok) = 0;

   protected:
    ~Event() = default;
  };

  // While one lives, something is awaited.
  struct EndAwaiting {
    void operator()(CompletionLoop* loop) const { --loop->awaited_; }
  };
  using Awaiting = std::unique_ptr<CompletionLoop, EndAwaiting>;

  // The one that all clients of a process share. Lives until the process ends.
  static CompletionLoop& OfProcess();

  // As many helpers as a process should have that may use so many processors.
  static int HelpersFor(int processors);

  CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue,
                 const CompletionLoopOptions& options);

  // Ends the queue. REQUIRES: nothing is started on it any more.
  ~CompletionLoop();

  CompletionLoop(const CompletionLoop&) = delete;
  CompletionLoop& operator=(const CompletionLoop&) = delete;

  grpc::CompletionQueue& queue() { return *queue_; }

  // Something is awaited from now on, for which the loop polls up to `busy_poll` before it sleeps
  // (BusyWait). Null if there is nothing to gain: without the time, or a second processor.
  Awaiting Await(absl::Duration busy_poll);

  // To be called by a reaction that will take longer than to wake a thread: has one look after the
  // queue, unless one does.
  void CallHelp();

 private:
  struct Happening {
    Event* event = nullptr;
    bool ok = false;
  };

  // Takes an event that has happened.
  grpc::CompletionQueue::NextStatus Look(Happening& next);
  // The same, of all threads but the deputy.
  grpc::CompletionQueue::NextStatus ComeRound(Happening& next);
  // Wait for one, the first busily or by the period. False at the end of the queue.
  bool Wait(Happening& next);
  bool Sleep(Happening& next);

  void Run();
  void Help();
  void Deputise();
  // To what has happened by now, as the deputy does.
  void ReactToAll();

  // Sleeps until there is an event. False at the end.
  bool AwaitActivity();

  // Sleeps until help is called for. False at the end.
  bool AwaitCall();

  // Polls for an event; false if none comes soon and another thread is looking. Then, and when one
  // has come, this one does not look any more.
  bool AwaitHelping(Happening& next, bool& was_there);

  // Has a helper look, if there is one that does not.
  void WakeHelper();

  // Whether the first thread has worked for most of the last `period`, at whose end this is called.
  bool IsFirstBusy(std::chrono::nanoseconds period);

  // Reacts to an event. `backlog` counts those in a row that had happened before they were asked
  // for.
  void React(const Happening& next, bool was_there, int& backlog);

  const CompletionLoopOptions options_;
  const std::unique_ptr<grpc::CompletionQueue> queue_;
  BusyWait busy_wait_;
  std::atomic<int64_t> awaited_ = 0;
  std::atomic<int64_t> busy_poll_ns_ = 0;  // of who awaited last
  std::atomic<int> looking_ = 0;           // threads that wait or poll, and those on their way to

  std::atomic<uint64_t> rounds_ = 0;     // calls of ComeRound
  std::atomic<uint64_t> events_ = 0;     // that were reacted to
  std::atomic<bool> is_active_ = false;  // the deputy looks

  absl::Mutex mutex_;
  absl::CondVar help_called_;
  absl::CondVar activity_begun_;
  int called_ ABSL_GUARDED_BY(mutex_) = 0;  // helpers that are to wake up
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;    // that sleep
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> helpers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
  clockid_t first_clock_ = 0;               // what that has worked
  std::chrono::nanoseconds first_time_{0};  // the same when IsFirstBusy was called last
  std::thread deputy_;
};

// An event that calls a member function of its owner, which outlives it.
template <typename Owner, void (Owner::*method)(bool ok)>
class Completion final : public CompletionLoop::Event {
 public:
  explicit Completion(Owner& owner) : owner_(owner) {}

  void Happened(bool ok) override { (owner_.*method)(ok); }

 private:
  Owner& owner_;
};

}  // namespace kvsift

#endif  // KVSIFT_PROTO_TRANSPORT_COMPLETION_LOOP_H_
