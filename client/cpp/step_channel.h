// Steps over one connection: pipelined on a held stream, which is opened again when it breaks.
#ifndef KVSIFT_CLIENT_CPP_STEP_CHANNEL_H_
#define KVSIFT_CLIENT_CPP_STEP_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/connection.h"
#include "client/cpp/step_stream.h"
#include "client/cpp/step_table.h"
#include "client/cpp/timer.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// A step that needs nothing more but to be told of. Told without locks held.
struct FinishedStep {
  StepPtr step;  // or nullptr: nobody to tell
  absl::StatusOr<SelectionResult> result;

  void Tell() {
    if (step != nullptr) step->done(std::move(result));
  }
};

// Thread-safe.
//
// Sending again. When the stream ends, unless by a verdict of the server, its unanswered steps go
// to the next one, in their order; when the server answers a step with UNAVAILABLE, the step goes
// again to the same. Either way nothing is sent before the backoff is over, so that steps stay in
// their order. A step that was sent behind one that was answered with UNAVAILABLE may run before
// it.
class StepChannel {
 public:
  enum class WhenFull : uint8_t { kRefuse, kWait };

  // The options, whose fields are in range, and the timer outlive it.
  StepChannel(std::shared_ptr<grpc::Channel> channel, const Options& options, Timer& timer);

  // Takes and starts the step if OK. Its `done` is called by its deadline, on the thread of
  // completions or of the timer.
  // Errors: DEADLINE_EXCEEDED if that has passed; RESOURCE_EXHAUSTED if too many steps are
  // unanswered and it is not to wait.
  absl::Status Start(StepPtr& step, WhenFull when_full);

  // Ends the stream and returns when gRPC has done with it. To be called once, at the end.
  // REQUIRES: all calls of steps have ended, and none will be started.
  void Close();

  // What the stream reports.
  FinishedStep Answered(const v1::StreamStepsResponse& answer);
  void Written(bool ok);
  void ReadingEnded();
  void Ended(const grpc::Status& status);

 private:
  // Starts a write if there is a step to send and none is being written.
  void Pump();

  // Has the next message ready in prepared_; false if there is none to send.
  bool PrepareNext(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends what is due.
  void Wake();

  // Lets Wake be called when it is needed.
  void SetAlarm(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Nothing is sent until the next backoff is over.
  void Pause() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool HasNoStream() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stream_count_ == 0; }

  const std::shared_ptr<grpc::Channel> channel_;
  Timer& timer_;
  const absl::Duration busy_poll_;
  const int alarm_;

  absl::Mutex mutex_;
  StepTable table_ ABSL_GUARDED_BY(mutex_);
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  absl::Time resume_time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // end of the backoff
  absl::Time alarm_time_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  bool waits_for_ready_ ABSL_GUARDED_BY(mutex_) = false;  // since a break, until an answer

  std::unique_ptr<StepStream> stream_ ABSL_GUARDED_BY(mutex_);
  // The message after the one that is written, made ahead so that it follows for certain: that one
  // may then wait for it and go out with it.
  grpc::ByteBuffer prepared_ ABSL_GUARDED_BY(mutex_);
  bool has_prepared_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;  // claims the stream for a write
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;   // the stream takes no more writes
  bool reading_ended_ ABSL_GUARDED_BY(mutex_) = false;
  int stream_count_ ABSL_GUARDED_BY(mutex_) = 0;  // that exist, those at their end included
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STEP_CHANNEL_H_
