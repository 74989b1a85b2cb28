// When a call arrived, when its answer was ready, and how it ended: told to the observer and the
// log.
#ifndef KVSIFT_SERVER_RPC_CALL_RECORD_H_
#define KVSIFT_SERVER_RPC_CALL_RECORD_H_

#include <chrono>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "server/engine/engine.h"
#include "server/rpc/call_log.h"
#include "server/rpc/call_observer.h"
#include "server/rpc/service_context.h"

namespace kvsift {

// Thread-compatible: the stages of a call follow each other.
class CallRecord {
 public:
  using Clock = std::chrono::steady_clock;

  // `context` and what `service` points to outlive this.
  CallRecord(Method method, const ServiceContext& service, const grpc::ServerContext& context)
      : method_(method), observer_(service.observer), log_(service.log), context_(context) {}

  // The call has arrived.
  void Begin() {
    arrived_ = Clock::now();
    entry_error_ = absl::OkStatus();
    entry_errors_ = 0;
    traceparent_ = {};
  }
  Clock::time_point arrived() const { return arrived_; }

  // A step of a stream says which trace it belongs to. `traceparent` lives until End.
  void SetTraceparent(std::string_view traceparent) { traceparent_ = traceparent; }

  // These are entries of the answer, some of which may have failed.
  void AddEntries(const std::vector<EntryResult>& entries) {
    for (const EntryResult& entry : entries) {
      if (!entry.status.ok()) AddEntryError(entry.status);
    }
  }

  // The answer is ready.
  void Answer(const absl::Status& status) {
    status_ = status;
    if (is_watched()) answered_ = Clock::now();
  }

  // gRPC has taken the answer, or the client is gone.
  void End() {
    if (!is_watched()) return;
    const Clock::time_point now = Clock::now();
    const CallEnd call = {.method = method_,
                          .context = context_,
                          .traceparent = traceparent_,
                          .status = status_,
                          .entry_error = entry_error_,
                          .entry_errors = entry_errors_,
                          .time = now,
                          .total = now - arrived_,
                          .reply = now - answered_};
    if (observer_ != nullptr) {
      observer_->OnCall(method_, status_.code(), call.total, call.reply);
    }
    if (log_ != nullptr) log_->OnCall(call);
  }

 private:
  bool is_watched() const { return observer_ != nullptr || log_ != nullptr; }

  void AddEntryError(const absl::Status& status) {
    if (entry_errors_++ == 0) entry_error_ = status;
    if (observer_ != nullptr) observer_->OnEntryError(status.code());
  }

  const Method method_;
  CallObserver* const observer_;  // may be null
  CallLog* const log_;            // may be null
  const grpc::ServerContext& context_;
  Clock::time_point arrived_;
  Clock::time_point answered_;
  absl::Status status_ = absl::UnknownError("not answered");
  absl::Status entry_error_;
  int entry_errors_ = 0;
  std::string_view traceparent_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_RECORD_H_
