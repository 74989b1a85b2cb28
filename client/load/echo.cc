#include "client/load/echo.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/connection.h"
#include "client/load/clock.h"
#include "client/load/echo_channel.h"
#include "kvsift/v1/echo.pb.h"
#include "proto/transport/completion_loop.h"

namespace kvsift::load {
namespace {

// Behind the end of the measurement; answers that take longer are lost.
constexpr absl::Duration kGrace = absl::Seconds(20);

constexpr char kMethod[] = "/kvsift.v1.EchoService/StreamEcho";

grpc::ByteBuffer RequestOf(const MessageSizes& sizes) {
  v1::StreamEchoRequest request;
  request.set_id(1);
  v1::StreamEchoResponse answer;
  answer.set_id(1);
  request.set_answer_bytes(PayloadFor(sizes.answer_bytes, answer));
  request.mutable_payload()->resize(PayloadFor(sizes.request_bytes, request));
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// One held stream, awaited as the client's steps are. It ends when the time is over and all answers
// are there.
class EchoStream {
 public:
  EchoStream(const std::shared_ptr<grpc::Channel>& channel, const grpc::ByteBuffer& request,
             int outstanding, absl::Duration busy_poll, int64_t end)
      : request_(request), end_(end), wait_(CompletionLoop::OfProcess().Await(busy_poll)) {
    client::SetDeadline(context_, absl::Now() + absl::Nanoseconds(end - MonotonicNs()) + kGrace);
    context_.set_initial_metadata_corked(true);
    call_ = grpc::GenericStub(channel).PrepareCall(&context_, kMethod,
                                                   &CompletionLoop::OfProcess().queue());
    absl::MutexLock lock(&mutex_);
    unsent_ = outstanding;
    sent_.assign(outstanding, MonotonicNs());
    call_->StartCall(nullptr);
    call_->Read(&answer_, &read_done_);
    WriteNext();
  }

  // Waits for the end of the stream.
  absl::Status Finish(LatencyHistogram& latency) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_done_));
    latency.Merge(latency_);
    return client::ToAbslStatus(status_);
  }

 private:
  void OnWritten(bool ok) {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    if (ok) WriteNext();
    FinishIfDone();
  }

  void OnRead(bool ok) {
    const int64_t now = MonotonicNs();
    absl::MutexLock lock(&mutex_);
    if (!ok) {
      is_reading_ = false;
      return FinishIfDone();
    }
    latency_.Record(now - sent_.front());  // answers come in the order of the requests
    sent_.pop_front();
    if (now < end_) {
      sent_.push_back(now);
      ++unsent_;
    }
    WriteNext();
    call_->Read(&answer_, &read_done_);
  }

  void OnFinished(bool /*ok*/) {
    absl::MutexLock lock(&mutex_);
    is_done_ = true;
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || has_ended_writes_) return;
    if (unsent_ > 0) {
      --unsent_;
      call_->Write(request_, &write_done_);
    } else if (sent_.empty()) {
      has_ended_writes_ = true;
      call_->WritesDone(&write_done_);
    } else {
      return;
    }
    is_writing_ = true;
  }

  void FinishIfDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!is_reading_ && !is_writing_) call_->Finish(&status_, &finished_);
  }

  const grpc::ByteBuffer& request_;
  const int64_t end_;
  const CompletionLoop::Awaiting wait_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer answer_;
  grpc::Status status_;
  absl::Mutex mutex_;
  int unsent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_writes_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<int64_t> sent_ ABSL_GUARDED_BY(mutex_);  // when unanswered requests were due
  LatencyHistogram latency_ ABSL_GUARDED_BY(mutex_);
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
  Completion<EchoStream, &EchoStream::OnRead> read_done_{*this};
  Completion<EchoStream, &EchoStream::OnWritten> write_done_{*this};
  Completion<EchoStream, &EchoStream::OnFinished> finished_{*this};
};

}  // namespace

absl::StatusOr<Floor> MeasureEcho(const EchoOptions& options) {
  const grpc::ByteBuffer request = RequestOf(options.sizes);
  Floor floor;
  const int64_t start = MonotonicNs();
  const int64_t end = start + absl::ToInt64Nanoseconds(options.duration);
  std::vector<std::unique_ptr<EchoStream>> streams;
  for (int i = 0; i < options.channels; ++i) {
    const int share = options.outstanding / options.channels +
                      (i < options.outstanding % options.channels ? 1 : 0);
    if (share == 0) continue;
    streams.push_back(std::make_unique<EchoStream>(EchoChannel(options.address), request, share,
                                                   options.busy_poll, end));
  }
  absl::Status status;
  for (const auto& stream : streams) status.Update(stream->Finish(floor.latency));
  if (!status.ok()) return status;
  floor.elapsed_s = static_cast<double>(MonotonicNs() - start) * 1e-9;
  floor.p50s = {floor.latency.Quantile(0.5)};
  return floor;
}

}  // namespace kvsift::load
