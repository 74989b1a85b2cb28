// One call of StreamAppendKeys: the next message is made while the one before it is on its way.
#ifndef KVSIFT_CLIENT_CPP_APPEND_STREAM_H_
#define KVSIFT_CLIENT_CPP_APPEND_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// For one thread, which must Finish.
class AppendStream final : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Makes the call. `waits` for a server that cannot be reached now, or fails.
  AppendStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline, bool waits);

  // Takes a message once the one before is written. False if the server has answered, or is gone.
  bool Write(grpc::ByteBuffer message);

  // Ends the stream and waits for the answer, which is in `response` if this is OK.
  absl::Status Finish(v1::StreamAppendKeysResponse& response);

 private:
  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  bool is_idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !is_writing_; }

  grpc::ClientContext context_;
  grpc::ByteBuffer written_;
  grpc::ByteBuffer read_;
  grpc::Status status_;

  absl::Mutex mutex_;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_APPEND_STREAM_H_
