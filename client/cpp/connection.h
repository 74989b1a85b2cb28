// One connection and the rules of sending: deadlines, and what is sent again.
#ifndef KVSIFT_CLIENT_CPP_CONNECTION_H_
#define KVSIFT_CLIENT_CPP_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/status.h"
#include "kvsift/client.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift::client {

// Waiting times before a call is sent again. The options outlive it.
class Backoff {
 public:
  explicit Backoff(const Options& options) : options_(options), next_(options.first_backoff) {}

  // Returns the next waiting time: twice the one before, up to a second.
  absl::Duration Next();

  // Waits for it, but not past the deadline.
  void Wait(absl::Time deadline);

  void Reset() { next_ = options_.first_backoff; }

 private:
  const Options& options_;
  absl::Duration next_;
};

// One channel. Thread-safe.
class Connection {
 public:
  // Does not wait for the server. Errors: INVALID_ARGUMENT for the form of the address.
  static absl::StatusOr<std::unique_ptr<Connection>> Make(const std::string& address,
                                                          Options options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  v1::SelectionService::Stub& stub() { return *stub_; }
  const Options& options() const { return options_; }

  // What became of a call, and whether an earlier answer may have been lost.
  struct Outcome {
    absl::Status status;
    bool was_resent = false;
  };

  // Sends a call, and sends it again while it is UNAVAILABLE. Again, it waits for the server to
  // come back instead of failing at once.
  Outcome Send(absl::Time deadline,
               const std::function<grpc::Status(grpc::ClientContext&)>& call) const;

 private:
  Connection(Options options, std::shared_ptr<grpc::Channel> channel);

  Options options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SelectionService::Stub> stub_;
};

// Sets the deadline of a call.
void SetDeadline(grpc::ClientContext& context, absl::Time deadline);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CONNECTION_H_
