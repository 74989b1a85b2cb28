// What the workers of a run share.
#ifndef KVSIFT_CLIENT_LOAD_RUN_CONTEXT_H_
#define KVSIFT_CLIENT_LOAD_RUN_CONTEXT_H_

#include <atomic>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "client/cpp/blocking_threads.h"
#include "client/load/clock.h"
#include "client/load/contents.h"
#include "client/load/halt.h"
#include "client/load/message_sizes.h"
#include "client/load/plan.h"
#include "client/load/recorder.h"
#include "client/load/vector_pool.h"
#include "client/load/verifier.h"
#include "kvsift/pool.h"

namespace kvsift::load {

struct RunContext {
  const Plan& plan;
  const VectorPool& pool;
  Contents& contents;
  Clock& clock;
  Pool& client;
  client::BlockingThreads& threads;
  Halt& halt;
  Verifier& verifier;
  client::Store store;
  MessageSizes sizes;  // of one call of the main operation

  // Of the measurement under way; changes only while no worker has a call.
  std::atomic<Recorder*> recorder = nullptr;
  // The measurement is over: calls that fail now are not sent again.
  std::atomic<bool> is_over = false;

  absl::Time Deadline() const { return absl::Now() + plan.timeout; }
};

// What a worker does about a failed call.
enum class Remedy : uint8_t {
  kRetry,    // after a while
  kRebuild,  // the server lost the sequences: bring them back
  kHalt,     // the request itself is wrong: the run cannot go on
};
Remedy RemedyFor(const absl::Status& status);

// Time to wait before the `failures`th failed call in a row is sent again: 20 ms, doubling up to
// one second.
int64_t BackoffNs(int failures);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_RUN_CONTEXT_H_
