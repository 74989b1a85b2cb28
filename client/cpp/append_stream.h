// One call of StreamAppendKeys: the next message is made while the one before it is on its way.
#ifndef KVSIFT_CLIENT_CPP_APPEND_STREAM_H_
#define KVSIFT_CLIENT_CPP_APPEND_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// For one thread, which must Finish.
class AppendStream {
 public:
  // Makes the call. `waits` for a server that cannot be reached now, or fails.
  AppendStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline, bool waits);

  // Takes a message once the one before is written. False if the server has answered, or is gone.
  bool Write(grpc::ByteBuffer message);

  // Ends the stream and waits for the answer, which is in `response` if this is OK.
  absl::Status Finish(v1::StreamAppendKeysResponse& response);

 private:
  // What gRPC can be doing, as its tags.
  enum Operation : intptr_t { kRead = 1, kWrite, kEndWrites, kFinish };

  static void* TagOf(Operation operation) { return reinterpret_cast<void*>(operation); }

  // Waits until gRPC has done `operation`.
  void Await(Operation operation);

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer written_;
  grpc::ByteBuffer read_;
  grpc::Status status_;
  bool is_reading_ = true;
  bool is_writing_ = false;
  bool is_broken_ = false;  // the server takes no more
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_APPEND_STREAM_H_
