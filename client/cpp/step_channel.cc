#include "client/cpp/step_channel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/selection.h"
#include "client/cpp/status.h"
#include "client/cpp/step_message.h"

namespace kvsift::client {
namespace {

absl::Status TooLate() {
  return absl::DeadlineExceededError("the deadline passed before the step was answered");
}

// Codes with which connections and proxies end a stream, and servers that shut down. Others are
// verdicts, which the next stream would meet too.
bool IsBreak(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
      return true;
    default:
      return false;
  }
}

absl::Status OfEndedStream(const grpc::Status& status) {
  if (status.ok()) return absl::UnavailableError("the server ended the stream of steps");
  return ToAbslStatus(status);
}

void TellAll(std::vector<StepPtr> steps, const absl::Status& status) {
  for (StepPtr& step : steps) {
    step->done(status);
    step.reset();
  }
}

}  // namespace

StepChannel::StepChannel(std::shared_ptr<grpc::Channel> channel, const Options& options,
                         Timer& timer)
    : channel_(std::move(channel)),
      timer_(timer),
      busy_poll_(options.busy_poll),
      alarm_(timer.AddAlarm([this] { Wake(); })),
      table_(options.max_steps_in_flight, options.attempts),
      backoff_(options) {}

absl::Status StepChannel::Start(StepPtr& step, WhenFull when_full) {
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    if (step->deadline <= now) return TooLate();
    if (!table_.has_room() && when_full == WhenFull::kRefuse) {
      return absl::ResourceExhaustedError(absl::StrCat(
          table_.capacity(), " steps of the connection are unanswered: max_steps_in_flight"));
    }
    if (!mutex_.AwaitWithDeadline(absl::Condition(&table_, &StepTable::has_room), step->deadline)) {
      return TooLate();
    }
    step->wait = CompletionLoop::OfProcess().Await(busy_poll_);
    table_.Add(std::move(step));
    SetAlarm(now);
  }
  Pump();
  return absl::OkStatus();
}

void StepChannel::Close() {
  absl::MutexLock lock(&mutex_);
  if (stream_ != nullptr) stream_->Cancel();
  mutex_.Await(absl::Condition(this, &StepChannel::HasNoStream));
}

bool StepChannel::PrepareNext(absl::Time now) {
  if (has_prepared_) return true;
  const auto [id, step] = table_.TakeUnsent(now);
  if (step == nullptr) return false;
  // A message cannot be moved.
  MakeStepMessage(id, step->deadline - now, step->body).Swap(&prepared_);
  has_prepared_ = true;
  return true;
}

void StepChannel::Pump() {
  StepStream* stream = nullptr;
  bool is_opened = false;
  bool waits = false;
  bool is_followed = false;
  grpc::ByteBuffer message;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    if (now < resume_time_) return SetAlarm(now);
    if (is_writing_ || is_broken_ || !PrepareNext(now)) return;
    if (stream_ == nullptr) {
      stream_ = std::make_unique<StepStream>(*this);
      ++stream_count_;
      is_opened = true;
      waits = waits_for_ready_;
    }
    is_writing_ = true;
    stream = stream_.get();
    prepared_.Swap(&message);
    has_prepared_ = false;
    is_followed = PrepareNext(now);
  }
  // gRPC may write to the connection at once, which others need not wait for.
  if (is_opened) stream->Open(channel_, waits);
  stream->Write(message, is_followed);
}

FinishedStep StepChannel::Answered(const v1::StreamStepsResponse& answer) {
  FinishedStep finished;
  {
    absl::MutexLock lock(&mutex_);
    if (answer.code() == static_cast<int>(absl::StatusCode::kUnavailable)) {
      finished.step = table_.SendAgain(answer.id());
      Pause();
    } else {
      finished.step = table_.TakeAnswered(answer.id());
      backoff_.Reset();
      waits_for_ready_ = false;
    }
  }
  if (finished.step == nullptr) return finished;
  if (answer.code() == 0) {
    finished.result = FromProto(answer.step(), std::move(finished.step->entry_rows));
  } else {
    finished.result = ToAbslStatus(answer.code(), answer.message(), answer.detail());
  }
  return finished;
}

void StepChannel::Written(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    is_broken_ |= !ok;
    if (reading_ended_) return stream_->Release();
  }
  Pump();
}

void StepChannel::ReadingEnded() {
  absl::MutexLock lock(&mutex_);
  reading_ended_ = true;
  is_broken_ = true;
  if (!is_writing_) stream_->Release();
}

void StepChannel::Ended(const grpc::Status& status) {
  std::vector<StepPtr> failed;
  std::unique_ptr<StepStream> ended;
  {
    absl::MutexLock lock(&mutex_);
    ended = std::move(stream_);
    is_broken_ = false;
    reading_ended_ = false;
    prepared_.Clear();
    has_prepared_ = false;
    failed = IsBreak(status) ? table_.SendAllAgain() : table_.TakeAll();
    // A stream that ends while nobody uses it is opened at the next step.
    if (!table_.empty()) {
      waits_for_ready_ = true;
      Pause();
    }
  }
  TellAll(std::move(failed), OfEndedStream(status));
  ended.reset();
  absl::MutexLock lock(&mutex_);
  --stream_count_;
}

void StepChannel::Wake() {
  std::vector<StepPtr> expired;
  {
    absl::MutexLock lock(&mutex_);
    alarm_time_ = absl::InfiniteFuture();
    const absl::Time now = absl::Now();
    expired = table_.TakeExpired(now);
    SetAlarm(now);
  }
  Pump();
  TellAll(std::move(expired), TooLate());
}

void StepChannel::SetAlarm(absl::Time now) {
  absl::Time time = table_.FirstDeadline();
  if (now < resume_time_) time = std::min(time, resume_time_);
  if (time >= alarm_time_) return;
  alarm_time_ = time;
  timer_.Set(alarm_, time);
}

void StepChannel::Pause() {
  const absl::Time now = absl::Now();
  if (now < resume_time_) return;
  resume_time_ = now + backoff_.Next();
  SetAlarm(now);
}

}  // namespace kvsift::client
