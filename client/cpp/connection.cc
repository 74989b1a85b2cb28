#include "client/cpp/connection.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/channel.h"

namespace kvsift::client {
namespace {

constexpr absl::Duration kMaxBackoff = absl::Seconds(1);

}  // namespace

absl::Duration Backoff::Next() { return std::exchange(next_, std::min(2 * next_, kMaxBackoff)); }

void Backoff::Wait(absl::Time deadline) {
  const absl::Duration left = std::max(absl::ZeroDuration(), deadline - absl::Now());
  options_.wait(std::min(Next(), left));
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Make(const std::string& address,
                                                             Options options) {
  options.attempts = std::max(options.attempts, 1);
  if (!options.wait) options.wait = [](absl::Duration duration) { absl::SleepFor(duration); };
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = MakeChannel(address, options);
  if (!channel.ok()) return channel.status();
  return std::unique_ptr<Connection>(new Connection(std::move(options), *std::move(channel)));
}

Connection::Connection(Options options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      stub_(v1::SelectionService::NewStub(channel_)) {}

Connection::Outcome Connection::Send(
    absl::Time deadline, const std::function<grpc::Status(grpc::ClientContext&)>& call) const {
  Backoff backoff(options_);
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    context.set_wait_for_ready(attempt > 1);
    const grpc::Status status = call(context);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || attempt >= options_.attempts) {
      return {ToAbslStatus(status), attempt > 1};
    }
    backoff.Wait(deadline);
  }
}

void SetDeadline(grpc::ClientContext& context, absl::Time deadline) {
  context.set_deadline(absl::ToChronoTime(deadline));
}

}  // namespace kvsift::client
