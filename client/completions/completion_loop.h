// The threads on which a process hears what became of its calls, for clients and servers alike.
#ifndef KVSIFT_CLIENT_COMPLETIONS_COMPLETION_LOOP_H_
#define KVSIFT_CLIENT_COMPLETIONS_COMPLETION_LOOP_H_

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/completions/busy_wait.h"

namespace kvsift {

struct CompletionLoopOptions {
  // Threads that react to events beside the one that waits for them; they start when they are
  // needed. None: that one does everything.
  int helpers = 0;
  // If not 0, the queue is looked at so often, and never waited for: for a second loop of a
  // process (see below).
  std::chrono::milliseconds period{0};
};

// One thread takes the completions of gRPC's operations from a queue and, while they come one at a
// time, reacts to each itself: nobody has to be woken for it. Those that have come meanwhile, and
// those whose reaction is known to take long (Defer), it leaves to others and goes on.
//
// A process should have one loop that waits, and no calls of gRPC's callback or synchronous server
// API: of all threads of a process that wait for gRPC only one watches the connections, and the
// others sleep until it hands them what it has read. So the thread that polls would do so in vain.
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
  struct EndWait {
    void operator()(CompletionLoop* loop) const { --loop->awaited_; }
  };
  using Wait = std::unique_ptr<CompletionLoop, EndWait>;

  // The one that all clients of a process share. Lives until the process ends.
  static CompletionLoop& OfProcess();

  // As many helpers as a process on this machine should have.
  static int HelpersOfMachine();

  CompletionLoop(std::unique_ptr<grpc::CompletionQueue> queue,
                 const CompletionLoopOptions& options);

  // Ends the queue. REQUIRES: nothing is started on it any more.
  ~CompletionLoop();

  CompletionLoop(const CompletionLoop&) = delete;
  CompletionLoop& operator=(const CompletionLoop&) = delete;

  grpc::CompletionQueue& queue() { return *queue_; }

  // Something is awaited from now on, for which the loop polls up to `busy_poll` before it sleeps
  // (BusyWait). Null if there is nothing to gain: without the time, or a second processor.
  Wait Await(absl::Duration busy_poll);

  // Leaves an event that has happened to a helper. False if there is none, or this is one: then
  // the caller reacts.
  bool Defer(Event& event, bool ok);

 private:
  struct Deferred {
    Event* event = nullptr;
    bool ok = false;
  };

  void Run();
  void Help();

  // Waits for the next event, and says whether it had happened already. False at the end of the
  // queue.
  bool Next(Deferred& next, bool& was_there);

  // Waits for what was deferred. False at the end.
  bool AwaitDeferred(BusyWait& wait, Deferred& taken);
  bool TakeDeferred(Deferred& taken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::chrono::nanoseconds busy_poll() const;

  const CompletionLoopOptions options_;
  const std::unique_ptr<grpc::CompletionQueue> queue_;
  BusyWait busy_wait_;
  std::atomic<int64_t> awaited_ = 0;
  std::atomic<int64_t> busy_poll_ns_ = 0;  // of who awaited last

  absl::Mutex mutex_;
  absl::CondVar deferred_added_;
  std::deque<Deferred> deferred_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> deferred_count_ = 0;
  std::atomic<int> looking_ = 0;          // helpers that poll for what is deferred
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // helpers that sleep
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> helpers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
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

#endif  // KVSIFT_CLIENT_COMPLETIONS_COMPLETION_LOOP_H_
