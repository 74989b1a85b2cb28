// Long appends over the wire.
#ifndef KVSIFT_CLIENT_CPP_APPEND_CALL_H_
#define KVSIFT_CLIENT_CPP_APPEND_CALL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/connection.h"
#include "kvsift/append.h"
#include "kvsift/store.h"

namespace kvsift::client {

enum class AppendTransport : uint8_t { kUnary, kStream };

// Client::Append and Client::StreamAppend. `message_bytes` is the largest message that both sides
// accept.
absl::StatusOr<AppendResult> RunAppend(Connection& connection, int64_t message_bytes,
                                       AppendTransport transport, const Store& store,
                                       const AppendRequest& request, absl::Time deadline);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_APPEND_CALL_H_
