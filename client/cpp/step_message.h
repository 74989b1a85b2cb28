// Messages of a held stream of steps, as bytes.
//
// A request is two slices: a head with what may differ each time it is sent, and a body that is
// serialised once and shared with gRPC.
#ifndef KVSIFT_CLIENT_CPP_STEP_MESSAGE_H_
#define KVSIFT_CLIENT_CPP_STEP_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// Returns fields `step` and, unless it is empty, `traceparent` of a StreamStepsRequest.
// Errors: RESOURCE_EXHAUSTED if the whole message would have more than `message_bytes`, which is
// below 2 GiB. Sent, it would end the stream for all its steps.
absl::StatusOr<grpc::Slice> MakeStepBody(const v1::StepRequest& step,
                                         const std::string& traceparent, int64_t message_bytes);

// Returns a StreamStepsRequest. `rest` is the time until the step's deadline, more than none; it
// travels rounded up to microseconds, or not at all if it is infinite.
grpc::ByteBuffer MakeStepMessage(uint64_t id, absl::Duration rest, const grpc::Slice& body);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STEP_MESSAGE_H_
