// What the measurements over EchoService share.
#ifndef KVSIFT_CLIENT_LOAD_ECHO_CHANNEL_H_
#define KVSIFT_CLIENT_LOAD_ECHO_CHANNEL_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>

#include "google/protobuf/message_lite.h"

namespace kvsift::load {

// A connection of its own, set up as the client's are.
std::shared_ptr<grpc::Channel> EchoChannel(const std::string& address);

// The size of the payload that makes `message`, which has none yet, `bytes` large; at least 0.
int64_t PayloadFor(int64_t bytes, const google::protobuf::MessageLite& message);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_ECHO_CHANNEL_H_
