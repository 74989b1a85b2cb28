// Lines about single calls: those that failed, those whose entries failed, those that were slow.
//
// A call that is none of these costs two comparisons. What identifies a call, its peer and its
// trace, is looked up when a line is written. However many calls fail, lines of each status code
// come at most once a second after the first ten; the next one says how many were held back.
#ifndef KVSIFT_SERVER_RPC_CALL_LOG_H_
#define KVSIFT_SERVER_RPC_CALL_LOG_H_

#include <array>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "server/rpc/call_observer.h"
#include "server/rpc/log.h"
#include "server/rpc/rate_limit.h"

namespace kvsift {

// A call that is over.
struct CallEnd {
  Method method;
  const grpc::ServerContext& context;
  std::string_view traceparent;  // of the call itself; empty: the metadata of `context` has it
  const absl::Status& status;
  const absl::Status& entry_error;  // of the first entry that failed; OK if none did
  int entry_errors = 0;
  RateLimit::Clock::time_point time;
  std::chrono::nanoseconds total{0};  // as CallObserver::OnCall has them
  std::chrono::nanoseconds reply{0};
};

// Thread-safe.
class CallLog {
 public:
  // Calls of `slow` and more are slow; none is if it is zero. `logger` outlives this.
  CallLog(Logger& logger, std::chrono::nanoseconds slow);

  void OnCall(const CallEnd& call) {
    if (!call.status.ok() || !call.entry_error.ok()) LogErrors(call);
    if (call.total >= slow_) LogSlow(call);
  }

 private:
  static constexpr size_t kCodes = static_cast<size_t>(absl::StatusCode::kUnauthenticated) + 1;

  void LogErrors(const CallEnd& call);
  void LogSlow(const CallEnd& call);
  void Write(LogLevel level, std::string_view event, RateLimit& limit, const CallEnd& call,
             std::vector<LogField> fields);
  RateLimit& LimitOf(absl::StatusCode code);

  Logger& logger_;
  const std::chrono::nanoseconds slow_;
  std::array<std::unique_ptr<RateLimit>, kCodes> error_limits_;
  RateLimit slow_limit_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_LOG_H_
