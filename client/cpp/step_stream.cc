#include "client/cpp/step_stream.h"

#include "client/cpp/step_channel.h"
#include "proto/transport/message_bytes.h"

namespace kvsift::client {
namespace {

constexpr char kMethod[] = "/kvsift.v1.SelectionService/StreamSteps";

}  // namespace

void StepStream::Open(const std::shared_ptr<grpc::Channel>& channel, bool waits) {
  context_.set_wait_for_ready(waits);
  context_.set_initial_metadata_corked(true);  // it goes with the first message
  call_ = grpc::GenericStub(channel).PrepareCall(&context_, kMethod,
                                                 &CompletionLoop::OfProcess().queue());
  call_->StartCall(nullptr);
  call_->Read(&read_, &read_done_);
}

void StepStream::Write(grpc::ByteBuffer& message, bool is_followed) {
  written_.Swap(&message);
  grpc::WriteOptions options;
  if (is_followed) options.set_buffer_hint();
  call_->Write(written_, options, &write_done_);
}

void StepStream::OnRead(bool ok) {
  if (!ok) return channel_.ReadingEnded();
  FinishedStep finished;
  const bool is_answer = ParseBytes(read_, answer_);
  read_.Clear();
  if (is_answer) {
    finished = channel_.Answered(answer_);
  } else {
    Cancel();  // whose answer it was is unknown: all are asked for again
  }
  // The next step goes before the read, which by itself may send flow control and wake the server.
  finished.Tell();
  call_->Read(&read_, &read_done_);
}

void StepStream::OnWritten(bool ok) { channel_.Written(ok); }

void StepStream::OnFinished(bool /*ok*/) { channel_.Ended(status_); }

}  // namespace kvsift::client
