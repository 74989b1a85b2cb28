#include "client/cpp/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <string_view>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace kvsift::client {
namespace {

constexpr int kMaxPort = 65535;
// The server sends clients away that ping more often (server/rpc/tuning.cc).
constexpr absl::Duration kMinKeepalive = absl::Seconds(10);
// A ping that is not answered for so long ends the connection.
constexpr absl::Duration kPingTimeout = absl::Seconds(10);

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

int ToMs(absl::Duration duration) {
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(duration), INT32_MAX));
}

// Pings while a connection is idle: proxies and address translation forget silent ones, and a
// held stream would not hear of it.
void SetKeepalive(absl::Duration keepalive, grpc::ChannelArguments& arguments) {
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, ToMs(std::max(keepalive, kMinKeepalive)));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ToMs(kPingTimeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no limit
}

// A server that restarts is found again soon; one that is far away or busy has time to accept,
// for which gRPC takes the smallest backoff.
void SetReconnecting(grpc::ChannelArguments& arguments) {
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
}

// gRPC shuts itself down with its last channel and waits for its threads, which can take ten
// seconds when the next channel is needed at once; so it stays for the life of the process.
void KeepGrpcInitialized() { [[maybe_unused]] static const bool is_kept = (grpc_init(), true); }

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const Options& options) {
  const absl::Status form = CheckAddress(address);
  if (!form.ok()) return form;
  KeepGrpcInitialized();
  grpc::ChannelArguments arguments;
  const int bytes = static_cast<int>(std::clamp<int64_t>(options.max_message_bytes, 1, INT32_MAX));
  arguments.SetMaxReceiveMessageSize(bytes);
  arguments.SetMaxSendMessageSize(bytes);
  // Channels of equal arguments would share one connection of the process's pool.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // By it a server tells connections apart where their addresses are the same.
  arguments.SetUserAgentPrefix(
      absl::StrCat("kvsift/", absl::Hex(absl::Uniform<uint64_t>(absl::BitGen()))));
  SetKeepalive(options.keepalive, arguments);
  SetReconnecting(arguments);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace kvsift::client
