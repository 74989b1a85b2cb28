// Statuses of gRPC and of entries as absl::Status.
#ifndef KVSIFT_CLIENT_CPP_STATUS_H_
#define KVSIFT_CLIENT_CPP_STATUS_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kvsift/error.h"
#include "kvsift/v1/error.pb.h"

namespace kvsift::client {

// The same code and message. The server's kvsift.v1.ErrorDetail, which travels in a
// google.rpc.Status, becomes a payload that GetErrorDetail reads.
absl::Status ToAbslStatus(const grpc::Status& status);

// Of a step: not OK. A detail that says nothing is left out.
absl::Status ToAbslStatus(int32_t code, const std::string& message, const v1::ErrorDetail& detail);

// The errors of an answer, in its order.
std::vector<EntryError> ToEntryErrors(
    const google::protobuf::RepeatedPtrField<v1::EntryError>& errors);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STATUS_H_
