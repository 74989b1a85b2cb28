#include "server/rpc/step_stream.h"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/caller.h"
#include "server/rpc/errors.h"
#include "server/rpc/stream_step.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

using grpc::ByteBuffer;

// A step whose messages were larger does not keep its memory for another one.
constexpr int64_t kKeptBytes = 256 << 10;

// One read and one write are under way at most. Another thread may react before the call that
// starts an operation has returned, so operations are started without the mutex; each is preceded
// by setting its flag under the mutex, which makes it the only one.
class StepStream final : public CallReactor, HeldStream {
 public:
  StepStream(const ServiceContext& service, std::unique_ptr<ServerCall> call)
      : CallReactor(std::move(call)),
        service_(service),
        caller_{
            .client = ClientOf(context()), .deadline = DeadlineOf(context()), .cancelled = &gone_},
        unread_(context().c_call(), caller_.client) {}

  void Begin() {
    is_held_ = service_.streams->Add(*this);
    if (service_.observer != nullptr) service_.observer->OnStreams(1);
    if (is_held_) return Continue();
    Drain();
  }

  void OnReadDone(bool ok) override {
    StreamStep* const step = ok ? Take() : nullptr;
    // The read's buffer is in use until the step has begun, so the next read waits for that.
    if (step != nullptr) step->Start(in_, caller_, [this, step] { OnAnswered(*step); });
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      reads_done_ |= !ok;
    }
    Continue();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      Return(writing_);
      writing_ = nullptr;
      is_broken_ |= !ok;
    }
    Continue();
  }

  // OnReadDone and OnWriteDone hear of it, too.
  void OnCancel() override { gone_ = true; }

  void OnDone() override {
    if (service_.observer != nullptr) service_.observer->OnStreams(-1);
    StepStreams* const streams = is_held_ ? service_.streams : nullptr;
    if (streams != nullptr) streams->Remove(*this);
    delete this;
  }

  void Drain() override {
    {
      absl::MutexLock lock(&mutex_);
      draining_ = true;
    }
    Continue();
  }

 private:
  // What Continue has found to do.
  struct Next {
    StreamStep* write = nullptr;
    bool read = false;
    bool finish = false;
    grpc::Status status;
  };

  // A step for the message that was read; null once the stream is finished.
  StreamStep* Take() {
    absl::MutexLock lock(&mutex_);
    if (finished_) return nullptr;
    ++in_flight_;
    bytes_ += static_cast<int64_t>(in_.Length());
    if (free_.empty()) return new StreamStep(service_, context());
    StreamStep* const step = free_.back().release();
    free_.pop_back();
    return step;
  }

  void Return(StreamStep* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::unique_ptr<StreamStep> returned(step);
    service_.unread->Remove(unread_, static_cast<int64_t>(returned->out.Length()));
    --in_flight_;
    bytes_ -= returned->bytes();
    returned->End();
    if (returned->bytes() <= kKeptBytes) free_.push_back(std::move(returned));
  }

  void OnAnswered(StreamStep& step) {
    const Hold hold(*this);
    service_.unread->Add(unread_, static_cast<int64_t>(step.out.Length()));
    {
      absl::MutexLock lock(&mutex_);
      bytes_ += static_cast<int64_t>(step.out.Length());
      step.next = nullptr;
      (last_ == nullptr ? first_ : last_->next) = &step;
      last_ = &step;
    }
    Continue();
  }

  // Starts what can be started. After a Finish nothing of this object is touched.
  void Continue() {
    const Next next = TakeNext();
    if (next.write != nullptr) StartWrite(next.write->out);
    if (next.read) StartRead(&in_);
    if (next.finish) Finish(next.status);
  }

  Next TakeNext() {
    Next next;
    absl::MutexLock lock(&mutex_);
    while (is_broken_ && first_ != nullptr) Return(Pop());  // nobody reads them
    if (writing_ == nullptr && first_ != nullptr) next.write = writing_ = Pop();
    next.finish = !finished_ && in_flight_ == 0 && (reads_done_ || draining_);
    finished_ |= next.finish;
    if (next.finish && !reads_done_) next.status = ToGrpcStatus(DrainingError());
    next.read = !reading_ && !reads_done_ && !draining_ && !finished_ &&
                in_flight_ < service_.max_stream_steps && bytes_ < service_.max_message_bytes;
    reading_ |= next.read;
    return next;
  }

  StreamStep* Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    StreamStep* const step = first_;
    first_ = step->next;
    if (first_ == nullptr) last_ = nullptr;
    return step;
  }

  const ServiceContext& service_;
  std::atomic<bool> gone_ = false;
  const StepCaller caller_;
  UnreadAnswers::Holder unread_;
  bool is_held_ = false;
  ByteBuffer in_;  // whoever has set reading_ uses it

  absl::Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  int32_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;  // taken and not returned
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;      // of steps in flight
  StreamStep* writing_ ABSL_GUARDED_BY(mutex_) = nullptr;
  StreamStep* first_ ABSL_GUARDED_BY(mutex_) = nullptr;  // answers to be written
  StreamStep* last_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<std::unique_ptr<StreamStep>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void StartStepStream(const ServiceContext& service, std::unique_ptr<ServerCall> call) {
  auto* stream = new StepStream(service, std::move(call));
  stream->Begin();
}

}  // namespace kvsift
