// The state behind a Client.
#ifndef KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_
#define KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "client/cpp/calls_in_flight.h"
#include "client/cpp/connection.h"
#include "client/cpp/step_channel.h"
#include "client/cpp/timer.h"
#include "kvsift/client.h"

namespace kvsift::client {

using Stub = v1::SelectionService::Stub;

class Client::Impl {
 public:
  // Makes connections, at least one, and waits for none.
  // Errors: as Connection::Make.
  static absl::StatusOr<std::unique_ptr<Impl>> Make(const std::string& address, Options options);

  ~Impl();

  // The connection that the next call takes: one after the other.
  Connection& NextConnection() { return *connections_[next_++ % connections_.size()]; }

  int64_t message_bytes = 0;  // the largest that both sides accept

  // Sends `request` by the stub's blocking `method`, again after lost answers.
  template <typename Request, typename Response>
  Connection::Outcome Send(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response& response, absl::Time deadline) {
    Connection& connection = NextConnection();
    return connection.Send(deadline, [&](grpc::ClientContext& context) {
      return (connection.stub().*method)(&context, request, &response);
    });
  }

  // Starts a selection or a step on the connection of its first sequence. `done` is called only if
  // this returns OK. Errors: as StepChannel::Start, and if the request is none.
  template <typename Request>
  absl::Status StartStep(const Store& store, const Request& request, absl::Time deadline,
                         StepChannel::WhenFull when_full, SelectionCallback& done);

 private:
  explicit Impl(std::vector<std::unique_ptr<Connection>> connections);

  StepChannel& ChannelOf(uint64_t sequence_id);

  CallsInFlight calls_;  // asynchronous ones and those of steps
  std::vector<std::unique_ptr<Connection>> connections_;
  std::atomic<uint64_t> next_ = 0;
  std::vector<std::unique_ptr<StepChannel>> step_channels_;  // [connections]
  Timer timer_;  // calls step channels, so it ends before them
};

// A resent removal that finds nothing was done by the send whose answer was lost.
inline absl::Status DoneIfGone(const Connection::Outcome& outcome) {
  if (outcome.was_resent && absl::IsNotFound(outcome.status)) return absl::OkStatus();
  return outcome.status;
}

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CLIENT_IMPL_H_
