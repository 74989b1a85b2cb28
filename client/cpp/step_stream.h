// One held call of StreamSteps.
#ifndef KVSIFT_CLIENT_CPP_STEP_STREAM_H_
#define KVSIFT_CLIENT_CPP_STEP_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "kvsift/v1/selection.pb.h"
#include "proto/transport/completion_loop.h"

namespace kvsift::client {

class StepChannel;

// Reads all the time, and writes what it is told to; gRPC's side of a StepChannel, which hears what
// happens on the thread of completions. Lives from Open until the channel has heard of its end.
class StepStream {
 public:
  explicit StepStream(StepChannel& channel) : channel_(channel) {}

  // Makes the call, which begins with the first write. `waits` for a server that cannot be reached
  // now, or fails.
  void Open(const std::shared_ptr<grpc::Channel>& channel, bool waits);

  // Takes and writes a message; one that `is_followed` by another may wait for it.
  // REQUIRES: the one before is written, and the stream not released.
  void Write(grpc::ByteBuffer& message, bool is_followed);

  // Nothing is written any more: the stream ends when reading has.
  void Release() { call_->Finish(&status_, &finished_); }

  void Cancel() { context_.TryCancel(); }

 private:
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);

  StepChannel& channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer written_;
  grpc::ByteBuffer read_;
  grpc::Status status_;
  v1::StreamStepsResponse answer_;
  Completion<StepStream, &StepStream::OnRead> read_done_{*this};
  Completion<StepStream, &StepStream::OnWritten> write_done_{*this};
  Completion<StepStream, &StepStream::OnFinished> finished_{*this};
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STEP_STREAM_H_
