// The W3C trace context of a call (https://www.w3.org/TR/trace-context/): which distributed trace
// it belongs to, for logs. Spans are not made or exported here.
#ifndef KVSIFT_SERVER_RPC_TRACE_CONTEXT_H_
#define KVSIFT_SERVER_RPC_TRACE_CONTEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "grpcpp/server_context.h"

namespace kvsift {

// In lower-case hexadecimal, as they travel.
struct TraceContext {
  std::string trace_id;  // 32 digits
  std::string span_id;   // 16 digits: the caller's span, "parent-id" of the header
};

// The value of a traceparent header; nothing unless it is valid by section 3.2: a known form of
// version 00, or of a later version, which may say more after it; identifiers that are not all
// zeros; no upper-case digits.
std::optional<TraceContext> ParseTraceparent(std::string_view value);

// What the metadata of a call says; nothing if it says nothing valid, or several things. tracestate
// is for those that hand a trace on, and is not looked at.
std::optional<TraceContext> TraceContextOf(const grpc::ServerContext& context);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_TRACE_CONTEXT_H_
