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

namespace kvsift::load {
namespace {

// Behind the end of the measurement; answers that take longer are lost.
constexpr absl::Duration kGrace = absl::Seconds(20);

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

// One held stream. It ends when the time is over and all answers are there.
class EchoStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  EchoStream(const std::shared_ptr<grpc::Channel>& channel, const grpc::ByteBuffer& request,
             int outstanding, int64_t end)
      : stub_(channel), request_(request), end_(end), unsent_(outstanding) {
    client::SetDeadline(context_, absl::Now() + absl::Nanoseconds(end - MonotonicNs()) + kGrace);
    stub_.PrepareBidiStreamingCall(&context_, "/kvsift.v1.EchoService/StreamEcho", {}, this);
    absl::MutexLock lock(&mutex_);
    sent_.assign(outstanding, MonotonicNs());
    StartRead(&answer_);
    WriteNext();
    StartCall();
  }

  // Waits for the end of the stream.
  absl::Status Finish(LatencyHistogram& latency) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_done_));
    latency.Merge(latency_);
    return status_;
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    if (ok) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const int64_t now = MonotonicNs();
    absl::MutexLock lock(&mutex_);
    latency_.Record(now - sent_.front());  // answers come in the order of the requests
    sent_.pop_front();
    if (now < end_) {
      sent_.push_back(now);
      ++unsent_;
      WriteNext();
    } else if (sent_.empty()) {
      StartWritesDone();
    }
    StartRead(&answer_);
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    status_ = client::ToAbslStatus(status);
    is_done_ = true;
  }

 private:
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || unsent_ == 0) return;
    is_writing_ = true;
    --unsent_;
    StartWrite(&request_);
  }

  grpc::GenericStub stub_;
  const grpc::ByteBuffer& request_;
  const int64_t end_;
  grpc::ClientContext context_;
  grpc::ByteBuffer answer_;
  absl::Mutex mutex_;
  int unsent_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<int64_t> sent_ ABSL_GUARDED_BY(mutex_);  // when unanswered requests were due
  LatencyHistogram latency_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
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
    streams.push_back(
        std::make_unique<EchoStream>(EchoChannel(options.address), request, share, end));
  }
  absl::Status status;
  for (const auto& stream : streams) status.Update(stream->Finish(floor.latency));
  if (!status.ok()) return status;
  floor.elapsed_s = static_cast<double>(MonotonicNs() - start) * 1e-9;
  floor.p50s = {floor.latency.Quantile(0.5)};
  return floor;
}

}  // namespace kvsift::load
