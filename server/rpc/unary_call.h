// One unary call: parses its message, hands it to a function, answers.
//
// Messages arrive as bytes (gRPC's raw callback API) and are parsed here, because gRPC itself
// answers UNIMPLEMENTED to bytes that are no message, and so that a call's message, answer and
// state share one arena with the call.
#ifndef KVSIFT_SERVER_RPC_UNARY_CALL_H_
#define KVSIFT_SERVER_RPC_UNARY_CALL_H_

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/call_record.h"
#include "server/rpc/caller.h"
#include "server/rpc/errors.h"
#include "server/rpc/service_context.h"
#include "server/rpc/step_exchange.h"

namespace kvsift {

// Parses `bytes` into `message`.
// Errors: INVALID_ARGUMENT if they are no such message.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

// UNAVAILABLE: the answer to calls that come after the gate was closed.
absl::Status DrainingError();

// Owned by gRPC between Start and OnDone: it deletes itself.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // Parses and calls handle(UnaryCall&), which must lead to exactly one Complete, on any thread.
  template <typename Handle>
  static grpc::ServerUnaryReactor* Start(const ServiceContext& service, Method method,
                                         grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer& in, grpc::ByteBuffer& out,
                                         Handle handle) {
    auto* call = new UnaryCall(service, method, context, out);
    absl::Status ready = call->has_entered_ ? ParseMessage(in, *call->request_) : DrainingError();
    if (ready.ok()) {
      handle(*call);
    } else {
      call->Complete(std::move(ready));
    }
    return call;
  }

  const ServiceContext& service() const { return service_; }
  const Request& request() const { return *request_; }
  Response& response() { return *response_; }

  // Who asks. Valid as long as the call.
  StepCaller caller() const {
    return {.client = unread_.client(), .deadline = DeadlineOf(context_), .cancelled = &cancelled_};
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
    bool owns = false;
    Send(grpc::SerializationTraits<Response>::Serialize(*response_, &out_, &owns));
  }

  // Sends a response that is serialised already.
  void CompleteWith(const grpc::ByteBuffer& response) {
    record_.Answer(absl::OkStatus());
    out_ = response;
    Send(grpc::Status::OK);
  }

 private:
  // Small messages need no memory beside the call itself.
  static constexpr size_t kFirstBlockBytes = 4096;

  UnaryCall(const ServiceContext& service, Method method, grpc::CallbackServerContext& context,
            grpc::ByteBuffer& out)
      : service_(service),
        has_entered_(service.gate->Enter()),
        context_(context),
        out_(out),
        record_(method, service, context),
        unread_(context.c_call(), ClientOf(context)),
        arena_(first_block_, kFirstBlockBytes) {
    record_.Begin();
    request_ = google::protobuf::Arena::CreateMessage<Request>(&arena_);
    response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
  }

  void Send(const grpc::Status& status) {
    unread_bytes_ = static_cast<int64_t>(out_.Length());
    if (unread_bytes_ > 0) service_.unread->Add(unread_, unread_bytes_);
    Finish(status);
  }

  void OnCancel() override { cancelled_ = true; }

  void OnDone() override {
    record_.End();
    if (unread_bytes_ > 0) service_.unread->Remove(unread_, unread_bytes_);
    CallGate* const entered = has_entered_ ? service_.gate : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();
  }

  const ServiceContext& service_;
  const bool has_entered_;
  const grpc::CallbackServerContext& context_;
  grpc::ByteBuffer& out_;
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
