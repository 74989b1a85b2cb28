#include "client/cpp/connection.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace kvsift::client {
namespace {

constexpr absl::Duration kMaxBackoff = absl::Seconds(1);
constexpr int kMaxPort = 65535;

absl::Status CheckAddress(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  bool valid = false;
  if (address.starts_with(kUnix)) {
    valid = address.size() > kUnix.size();
  } else {
    const size_t colon = address.rfind(':');
    int port = 0;
    valid = colon != std::string::npos && colon > 0 &&
            absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port <= kMaxPort;
  }
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("address: \"", address, "\", expected host:port or unix:/path"));
}

// gRPC shuts itself down with its last channel and waits for its threads, which can take ten
// seconds when the next channel is needed at once; so it stays for the life of the process.
void KeepGrpcInitialized() { [[maybe_unused]] static const bool is_kept = (grpc_init(), true); }

}  // namespace

void Backoff::Wait(absl::Time deadline) {
  const absl::Duration left = std::max(absl::ZeroDuration(), deadline - absl::Now());
  options_.wait(std::min(next_, left));
  next_ = std::min(2 * next_, kMaxBackoff);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Make(const std::string& address,
                                                             Options options) {
  const absl::Status form = CheckAddress(address);
  if (!form.ok()) return form;
  KeepGrpcInitialized();
  options.attempts = std::max(options.attempts, 1);
  if (!options.wait) options.wait = [](absl::Duration duration) { absl::SleepFor(duration); };
  grpc::ChannelArguments arguments;
  const int bytes = static_cast<int>(std::clamp<int64_t>(options.max_message_bytes, 1, INT32_MAX));
  arguments.SetMaxReceiveMessageSize(bytes);
  arguments.SetMaxSendMessageSize(bytes);
  // A server that restarts is found again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  return std::unique_ptr<Connection>(
      new Connection(std::move(options), v1::SelectionService::NewStub(channel)));
}

Connection::Connection(Options options, std::unique_ptr<v1::SelectionService::Stub> stub)
    : options_(std::move(options)), stub_(std::move(stub)) {}

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
