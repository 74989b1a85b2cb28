// The one place where a status of ours becomes a status of gRPC.
#ifndef KVSIFT_SERVER_RPC_ERRORS_H_
#define KVSIFT_SERVER_RPC_ERRORS_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"
#include "kvsift/v1/error.pb.h"

namespace kvsift {

// The same code and message. A FieldViolation (server/engine/field_error.h) travels in the status
// details as a google.rpc.Status that holds one kvsift.v1.ErrorDetail, where clients of every
// language look for it.
grpc::Status ToGrpcStatus(const absl::Status& status);

// What the status of one step of a stream carries beside code and message.
std::optional<v1::ErrorDetail> DetailOf(const absl::Status& status);

// `status` with `prefix` before its message and before the field of its violation, if it has one:
// "k: 0, ..." under "queries.policies[1]." is "queries.policies[1].k: 0, ...".
absl::Status UnderField(std::string_view prefix, const absl::Status& status);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_ERRORS_H_
