// One channel of gRPC to a server, set up as this client needs it.
#ifndef KVSIFT_CLIENT_CPP_CHANNEL_H_
#define KVSIFT_CLIENT_CPP_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kvsift/client.h"

namespace kvsift::client {

// Returns a channel with a connection of its own, which it makes when it is first used. Of the
// options, those of messages and of keep-alive count.
// Errors: INVALID_ARGUMENT if the address is neither host:port nor unix:/path.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const Options& options);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CHANNEL_H_
