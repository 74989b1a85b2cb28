#include "server/rpc/tuning.h"

#include <grpc/grpc.h>

namespace kvsift {
namespace {

// Clients that ping more often than this are sent away. Ours leave 10 s or more between two pings,
// which a network may bring closer together (client/cpp/channel.cc).
constexpr int kMinPingIntervalMs = 9'000;

}  // namespace

void TuneServer(int64_t max_message_bytes, grpc::ServerBuilder& builder) {
  // gRPC shuts itself down with its last server and channel and waits for its threads, which can
  // take ten seconds; so it stays for the life of the process, which may start another server.
  [[maybe_unused]] static const bool is_kept = (grpc_init(), true);
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(max_message_bytes));
  // A second server on the same port is a mistake, not a pool.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Workers may keep idle connections alive.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace kvsift
