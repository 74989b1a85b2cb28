// One unary call: parses its message, hands it to a function, answers.
//
// Messages arrive as bytes (gRPC's raw callback API) and are parsed here, because gRPC itself
// answers UNIMPLEMENTED to bytes that are no message, and so that a call's message, answer and
// state share one arena with the call.
#ifndef KVSIFT_SERVER_RPC_UNARY_CALL_H_
#define KVSIFT_SERVER_RPC_UNARY_CALL_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/errors.h"

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
  static grpc::ServerUnaryReactor* Start(CallGate& gate, const grpc::ByteBuffer& in,
                                         grpc::ByteBuffer& out, Handle handle) {
    auto* call = new UnaryCall(gate, out);
    absl::Status ready = call->has_entered_ ? ParseMessage(in, *call->request_) : DrainingError();
    if (ready.ok()) {
      handle(*call);
    } else {
      call->Complete(std::move(ready));
    }
    return call;
  }

  const Request& request() const { return *request_; }
  Response& response() { return *response_; }

  // A T that lives as long as the call.
  template <typename T, typename... Args>
  T& Create(Args&&... args) {
    return *google::protobuf::Arena::Create<T>(&arena_, std::forward<Args>(args)...);
  }

  // Sends the response, or the error. The call may be gone when this returns.
  void Complete(const absl::Status& status) {
    if (!status.ok()) return Finish(ToGrpcStatus(status));
    bool owns = false;
    Finish(grpc::SerializationTraits<Response>::Serialize(*response_, &out_, &owns));
  }

 private:
  // Small messages need no memory beside the call itself.
  static constexpr size_t kFirstBlockBytes = 4096;

  UnaryCall(CallGate& gate, grpc::ByteBuffer& out)
      : gate_(gate), has_entered_(gate.Enter()), out_(out), arena_(first_block_, kFirstBlockBytes) {
    request_ = google::protobuf::Arena::CreateMessage<Request>(&arena_);
    response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
  }

  void OnDone() override {
    CallGate* const entered = has_entered_ ? &gate_ : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();
  }

  CallGate& gate_;
  const bool has_entered_;
  grpc::ByteBuffer& out_;
  alignas(std::max_align_t) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_;
  Request* request_;
  Response* response_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_UNARY_CALL_H_
