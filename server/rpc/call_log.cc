#include "server/rpc/call_log.h"

#include <optional>
#include <string>

#include "server/rpc/method_name.h"
#include "server/rpc/trace_context.h"

namespace kvsift {
namespace {

constexpr int kBurst = 10;
constexpr std::chrono::seconds kInterval{1};

// Bugs, then what an operator can do something about, then what only the client can.
LogLevel LevelOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return LogLevel::kError;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      return LogLevel::kWarning;
    case absl::StatusCode::kCancelled:
      return LogLevel::kDebug;
    default:
      return LogLevel::kInfo;
  }
}

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

int64_t Microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

CallLog::CallLog(Logger& logger, std::chrono::nanoseconds slow)
    : logger_(logger),
      slow_(slow == slow.zero() ? slow.max() : slow),
      slow_limit_(kBurst, kInterval) {
  for (auto& limit : error_limits_) limit = std::make_unique<RateLimit>(kBurst, kInterval);
}

RateLimit& CallLog::LimitOf(absl::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return *error_limits_[index < kCodes ? index : static_cast<size_t>(absl::StatusCode::kUnknown)];
}

void CallLog::LogErrors(const CallEnd& call) {
  const bool has_failed = !call.status.ok();
  const absl::Status& status = has_failed ? call.status : call.entry_error;
  const std::string code = absl::StatusCodeToString(status.code());
  std::vector<LogField> fields = {{"code", code}, {"message", View(status.message())}};
  if (!has_failed) fields.push_back({"entries", int64_t{call.entry_errors}});
  Write(LevelOf(status.code()), has_failed ? "call failed" : "entries failed",
        LimitOf(status.code()), call, std::move(fields));
}

void CallLog::LogSlow(const CallEnd& call) {
  // How long a client takes to send an append is its own business.
  if (call.method == Method::kStreamAppendKeys) return;
  Write(LogLevel::kWarning, "slow call", slow_limit_, call,
        {{"total_us", Microseconds(call.total)}, {"reply_us", Microseconds(call.reply)}});
}

void CallLog::Write(LogLevel level, std::string_view event, RateLimit& limit, const CallEnd& call,
                    std::vector<LogField> fields) {
  if (!logger_.Writes(level)) return;
  const std::optional<int64_t> held_back = limit.Admit(call.time);
  if (!held_back.has_value()) return;
  fields.insert(fields.begin(), {"method", MethodName(call.method)});
  const std::string peer = call.context.peer();
  fields.push_back({"peer", peer});
  const auto& metadata = call.context.client_metadata();
  const auto agent = metadata.find("user-agent");
  if (agent != metadata.end()) {
    fields.push_back({"user_agent", std::string_view(agent->second.data(), agent->second.size())});
  }
  const std::optional<TraceContext> trace =
      call.traceparent.empty() ? TraceContextOf(call.context) : ParseTraceparent(call.traceparent);
  if (trace.has_value()) {
    fields.push_back({"trace_id", trace->trace_id});
    fields.push_back({"span_id", trace->span_id});
  }
  if (*held_back > 0) fields.push_back({"held_back", *held_back});
  logger_.Log(level, event, fields);
}

}  // namespace kvsift
