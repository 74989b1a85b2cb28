#include "server/rpc/stream_step.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "server/rpc/errors.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

// The earlier of the stream's deadline and the step's own.
Clock::time_point DeadlineOf(const v1::StreamStepsRequest& request, Clock::time_point arrived,
                             Clock::time_point deadline) {
  if (request.timeout_us() <= 0) return deadline;
  // No clock reaches the far end; a sum beyond it would overflow.
  const int64_t longest = std::chrono::microseconds(std::chrono::hours(24 * 365)).count();
  const std::chrono::microseconds timeout(std::min(request.timeout_us(), longest));
  return std::min(deadline, arrived + timeout);
}

}  // namespace

void StreamStep::Start(const grpc::ByteBuffer& message, const StepCaller& caller,
                       std::function<void()> done) {
  record_.Begin();
  done_ = std::move(done);
  bytes_ = static_cast<int64_t>(message.Length());
  has_entered_ = service_.gate->Enter();
  const absl::Status ready = Prepare(message, caller);
  if (!ready.ok()) {
    AnswerError(ready);
    return done_();
  }
  exchange_.Run(*service_.engine, [this](const StepResult& result) {
    Answer(result);
    done_();
  });
}

absl::Status StreamStep::Prepare(const grpc::ByteBuffer& message, StepCaller caller) {
  id_ = 0;
  request_ = google::protobuf::Arena::CreateMessage<v1::StreamStepsRequest>(&arena_);
  absl::Status ready = ParseMessage(message, *request_);
  if (!ready.ok()) return ready;  // an id that was read before the garbage is none
  id_ = request_->id();
  record_.SetTraceparent(request_->traceparent());
  if (!has_entered_) return DrainingError();
  caller.deadline = DeadlineOf(*request_, record_.arrived(), caller.deadline);
  return exchange_.Prepare(*service_.engine, request_->step().store(), caller,
                           [this](const StoreDescription& store, StepInput& input) {
                             return ConvertStep(request_->step(), store,
                                                service_.engine->limits().max_k, input);
                           });
}

void StreamStep::Answer(const StepResult& result) {
  if (!result.status.ok()) return AnswerError(result.status);
  record_.AddEntries(result.entries);
  record_.Answer(absl::OkStatus());
  out = exchange_.answer().SerializeForStream(id_, result, service_.engine->incarnation());
  bytes_ += static_cast<int64_t>(out.Length());
}

void StreamStep::AnswerError(const absl::Status& status) {
  record_.Answer(status);
  v1::StreamStepsResponse response;
  response.set_id(id_);
  response.set_code(status.raw_code());
  response.set_message(std::string(status.message()));
  if (auto detail = DetailOf(status); detail.has_value()) {
    *response.mutable_detail() = *std::move(detail);
  }
  out = SerializeMessage(response);
  bytes_ += static_cast<int64_t>(out.Length());
}

void StreamStep::End() {
  record_.End();
  out.Clear();
  arena_.Reset();
  exchange_.answer().Reset(AnswerLayout::kPadded);
  if (has_entered_) service_.gate->Leave();
}

}  // namespace kvsift
