// The state behind a Client.
#ifndef KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_
#define KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_

#include <memory>
#include <utility>

#include "client/cpp/calls_in_flight.h"
#include "client/cpp/connection.h"
#include "kvsift/client.h"

namespace kvsift::client {

using Stub = v1::SelectionService::Stub;

class Client::Impl {
 public:
  explicit Impl(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  Connection& connection() { return *connection_; }
  Stub& stub() { return connection_->stub(); }
  CallsInFlight& calls() { return calls_; }
  int64_t message_bytes = 0;  // the largest that both sides accept

  // Sends `request` by the stub's blocking `method`, again after lost answers.
  template <typename Request, typename Response>
  Connection::Outcome Send(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response& response, absl::Time deadline) {
    return connection_->Send(deadline, [&](grpc::ClientContext& context) {
      return (stub().*method)(&context, request, &response);
    });
  }

 private:
  std::unique_ptr<Connection> connection_;
  CallsInFlight calls_;  // outlived by the connection
};

// A resent removal that finds nothing was done by the send whose answer was lost.
inline absl::Status DoneIfGone(const Connection::Outcome& outcome) {
  if (outcome.was_resent && absl::IsNotFound(outcome.status)) return absl::OkStatus();
  return outcome.status;
}

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_
