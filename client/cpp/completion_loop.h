// The thread on which a process hears what became of its calls.
#ifndef KVSIFT_CLIENT_CPP_COMPLETION_LOOP_H_
#define KVSIFT_CLIENT_CPP_COMPLETION_LOOP_H_

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "kernels/busy_wait.h"

namespace kvsift::client {

// Takes the completions of asynchronous calls from gRPC, one after the other, and tells of them.
//
// Whoever waits for less than a wake-up takes gains by not going to sleep. So while steps are
// awaited the thread polls, as long as their answers keep coming within the time that their client
// allows (Options::busy_poll).
//
// One for all clients of a process: of all threads that wait for gRPC only one watches the
// connections, and it hands what it has read to the thread that waits for it. A second one would
// sleep while the first polls in vain. gRPC's own threads, which serve its callbacks, are such
// threads; so the client uses none of those.
class CompletionLoop {
 public:
  // What a tag points to.
  class Event {
   public:
    // gRPC has done what was asked; `ok` as gRPC says it. Must not block.
    virtual void Happened(bool ok) = 0;

   protected:
    ~Event() = default;
  };

  // While one lives, an answer is awaited.
  struct EndWait {
    void operator()(CompletionLoop* loop) const { --loop->awaited_; }
  };
  using Wait = std::unique_ptr<CompletionLoop, EndWait>;

  // Lives until the process ends.
  static CompletionLoop& OfProcess();

  // Its tags are Events.
  grpc::CompletionQueue& queue() { return queue_; }

  // Somebody waits for an answer from now on, and polls for at most `busy_poll`.
  // Null if there is nothing to gain: without the time, or a second processor.
  Wait Await(absl::Duration busy_poll);

 private:
  CompletionLoop();

  void Run();

  // Waits for the next event, busily while an answer is awaited. False at the end of the queue.
  bool Next(void*& tag, bool& ok);

  const bool can_poll_;
  grpc::CompletionQueue queue_;
  BusyWait busy_wait_;
  std::atomic<int64_t> awaited_ = 0;
  std::atomic<int64_t> busy_poll_ns_ = 0;  // of who awaited last
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

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_COMPLETION_LOOP_H_
