// One held call of StreamSteps.
#ifndef KVSIFT_CLIENT_CPP_STEP_STREAM_H_
#define KVSIFT_CLIENT_CPP_STEP_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

class StepChannel;

// Reads all the time, and writes what it is told to; gRPC's side of a StepChannel, which hears what
// happens on threads of gRPC. Lives from Open until the channel has heard of its end.
class StepStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit StepStream(StepChannel& channel) : channel_(channel) {}

  // Makes the call. `waits` for a server that cannot be reached now, or fails.
  void Open(const std::shared_ptr<grpc::Channel>& channel, bool waits);

  // Takes and writes a message; one that `is_followed` by another may wait for it.
  // REQUIRES: the one before is written, and the stream not released.
  void Write(grpc::ByteBuffer& message, bool is_followed);

  // Nothing is written any more: the stream ends when reading has.
  void Release() { RemoveHold(); }

  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  StepChannel& channel_;
  grpc::ClientContext context_;
  grpc::ByteBuffer written_;
  grpc::ByteBuffer read_;
  v1::StreamStepsResponse answer_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STEP_STREAM_H_
