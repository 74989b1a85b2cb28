// Calls of methods that we have no generated code for, and of ours with bytes that may be no
// message.
#ifndef KVSIFT_TESTS_END_TO_END_RAW_CALL_H_
#define KVSIFT_TESTS_END_TO_END_RAW_CALL_H_

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"

namespace kvsift {

// Calls the method at `path`; the answer's bytes are added to `answer` unless it is null.
grpc::Status CallBytes(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                       const std::string& bytes, std::string* answer);

// As grpc.health.v1 numbers them.
enum class Health { kUnknown = 0, kServing = 1, kNotServing = 2 };

// What the server says of `service`, or of itself if that is empty.
Health CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_RAW_CALL_H_
