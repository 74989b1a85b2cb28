// One unary call: parses its message, hands it to a function, answers.
//
// Messages arrive as bytes and are parsed here, because gRPC itself answers UNIMPLEMENTED to bytes
// that are no message, and so that a call's message, answer and state share one arena with the
// call.
#ifndef KVSIFT_SERVER_RPC_UNARY_CALL_H_
#define KVSIFT_SERVER_RPC_UNARY_CALL_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/call_record.h"
#include "server/rpc/caller.h"
#include "server/rpc/errors.h"
#include "server/rpc/server_call.h"
#include "server/rpc/service_context.h"
#include "server/rpc/step_exchange.h"

namespace kvsift {

// Parses `bytes` into `message`.
// Errors: INVALID_ARGUMENT if they are no such message.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

// `message` in fresh slices.
grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message);

// UNAVAILABLE: the answer to calls that come after the gate was closed.
absl::Status DrainingError();

// Deletes itself when it is done.
template <typename Request, typename Response>
class UnaryCall final : public CallReactor {
 public:
  using Handle = std::function<void(UnaryCall& call)>;

  // Reads the message and calls `handle`, which must lead to exactly one Complete, on any thread.
  static void Start(const ServiceContext& service, Method method, std::unique_ptr<ServerCall> call,
                    Handle handle) {
    auto* started = new UnaryCall(service, method, std::move(call), std::move(handle));
    started->StartRead(&started->in_);
  }

  const ServiceContext& service() const { return service_; }
  const Request& request() const { return *request_; }
  Response& response() { return *response_; }

  // Who asks. Valid as long as the call.
  StepCaller caller() {
    return {
        .client = unread_.client(), .deadline = DeadlineOf(context()), .cancelled = &cancelled_};
  }

  // A T that lives as long as the call.
  template <typename T, typename... Args>
  T& Create(Args&&... args) {
    return *google::protobuf::Arena::Create<T>(&arena_, std::forward<Args>(args)...);
  }

  // The answer has these entries.
  void AddEntries(const std::vector<EntryResult>& entries) { record_.AddEntries(entries); }

  // Sends the response, or the error. The call may be gone when this returns.
  void Complete(const absl::Status& status) {
    record_.Answer(status);
    if (!status.ok()) return Finish(ToGrpcStatus(status));
    Send(SerializeMessage(*response_));
  }

  // Sends a response that is serialised already.
  void CompleteWith(const grpc::ByteBuffer& response) {
    record_.Answer(absl::OkStatus());
    Send(response);
  }

 private:
  // Small messages need no memory beside the call itself.
  static constexpr size_t kFirstBlockBytes = 4096;

  UnaryCall(const ServiceContext& service, Method method, std::unique_ptr<ServerCall> call,
            Handle handle)
      : CallReactor(std::move(call)),
        service_(service),
        handle_(std::move(handle)),
        record_(method, service, context()),
        unread_(context().c_call(), ClientOf(context())),
        arena_(first_block_, kFirstBlockBytes) {
    request_ = google::protobuf::Arena::CreateMessage<Request>(&arena_);
    response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
  }

  // A call that ends before its message is none: nothing tells of it.
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
    has_message_ = true;
    record_.Begin();
    has_entered_ = service_.gate->Enter();
    const absl::Status ready = has_entered_ ? ParseMessage(in_, *request_) : DrainingError();
    in_.Clear();
    if (!ready.ok()) return Complete(ready);
    handle_(*this);
  }

  void Send(const grpc::ByteBuffer& answer) {
    unread_bytes_ = static_cast<int64_t>(answer.Length());
    if (unread_bytes_ > 0) service_.unread->Add(unread_, unread_bytes_);
    FinishWith(answer);
  }

  void OnCancel() override { cancelled_ = true; }

  void OnDone() override {
    if (has_message_) record_.End();
    if (unread_bytes_ > 0) service_.unread->Remove(unread_, unread_bytes_);
    CallGate* const entered = has_entered_ ? service_.gate : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();
  }

  const ServiceContext& service_;
  const Handle handle_;
  grpc::ByteBuffer in_;
  bool has_message_ = false;
  bool has_entered_ = false;
  std::atomic<bool> cancelled_ = false;
  CallRecord record_;
  UnreadAnswers::Holder unread_;
  int64_t unread_bytes_ = 0;  // of the answer, once it is sent
  alignas(std::max_align_t) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_;
  Request* request_;
  Response* response_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_UNARY_CALL_H_
