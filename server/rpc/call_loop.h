// The threads on which a server hears of its calls.
//
// One thread at a time waits for gRPC. It polls for a while before it sleeps (BusyWait), and does
// what small calls ask for itself: nobody has to be woken for them. Before it does more, or where
// several clients ask at once, it leaves the waiting to another thread (LetOthersPoll).
//
// That there is one is essential: of all threads of a process that wait for gRPC only one watches
// the connections, and the others sleep until it hands them what it has read. So no server of this
// process uses gRPC's synchronous or callback API, whose threads would.
#ifndef KVSIFT_SERVER_RPC_CALL_LOOP_H_
#define KVSIFT_SERVER_RPC_CALL_LOOP_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "grpcpp/completion_queue.h"
#include "kernels/busy_wait.h"
#include "server/engine/mutex.h"

namespace kvsift {

struct CallLoopOptions {
  int threads = 1;
  std::chrono::nanoseconds busy_poll{0};  // for how long the thread that waits polls
  // If not 0, the queue is looked at so often, and never waited for: for a second server of a
  // process, whose thread must not be the one that watches the connections.
  std::chrono::milliseconds period{0};
};

class CallLoop {
 public:
  // What a tag of the queue points to.
  class Event {
   public:
    // gRPC has done what was asked; `ok` as gRPC says it.
    virtual void Happened(bool ok) = 0;

   protected:
    ~Event() = default;
  };

  CallLoop(std::unique_ptr<grpc::ServerCompletionQueue> queue, const CallLoopOptions& options);

  // Ends the queue. REQUIRES: its server is shut down, and starts nothing any more.
  ~CallLoop();

  CallLoop(const CallLoop&) = delete;
  CallLoop& operator=(const CallLoop&) = delete;

  grpc::ServerCompletionQueue& queue() { return *queue_; }

  // To be called by a reaction to an event before it works for a message of so many bytes, which
  // the connection `client` (ClientOf) has sent: has another thread wait for gRPC meanwhile, if
  // that is worth waking it.
  void LetOthersPoll(uint64_t client, int64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();

  // Waits until no other thread waits for gRPC; false at the end.
  bool TakePolling();
  void End();

  // Waits for the next event. False at the end of the queue.
  bool Next(void*& tag, bool& ok);

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const CallLoopOptions options_;

  // Of the thread that polls.
  BusyWait busy_wait_;
  uint64_t last_client_ = 0;
  Clock::time_point alone_since_;  // only last_client_ has sent messages

  Mutex mutex_;
  CondVar polling_left_;
  bool has_poller_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that could poll
  std::vector<std::thread> threads_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_LOOP_H_
