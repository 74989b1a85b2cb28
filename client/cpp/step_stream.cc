#include "client/cpp/step_stream.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "client/cpp/step_channel.h"
#include "client/cpp/step_message.h"

namespace kvsift::client {
namespace {

constexpr char kMethod[] = "/kvsift.v1.SelectionService/StreamSteps";

}  // namespace

void StepStream::Open(const std::shared_ptr<grpc::Channel>& channel, bool waits) {
  context_.set_wait_for_ready(waits);
  grpc::GenericStub(channel).PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  AddHold();  // for writes, which begin anywhere
  StartRead(&read_);
  StartCall();
}

void StepStream::Write(grpc::ByteBuffer& message, bool is_followed) {
  written_.Swap(&message);
  grpc::WriteOptions options;
  if (is_followed) options.set_buffer_hint();
  StartWrite(&written_, options);
}

void StepStream::OnReadDone(bool ok) {
  if (!ok) return channel_.ReadingEnded();
  FinishedStep finished;
  if (ReadStepAnswer(read_, answer_)) {
    finished = channel_.Answered(answer_);
  } else {
    Cancel();  // whose answer it was is unknown: all are asked for again
  }
  // Callbacks do not keep the next answer waiting. Where none is awaited the next step goes first,
  // because a read by itself sends flow control, which wakes the server.
  if (!finished.is_last) StartRead(&read_);
  finished.Tell();
  if (finished.is_last) StartRead(&read_);
}

void StepStream::OnWriteDone(bool ok) { channel_.Written(ok); }

void StepStream::OnDone(const grpc::Status& status) { channel_.Ended(status); }

}  // namespace kvsift::client
