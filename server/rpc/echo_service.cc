#include "server/rpc/echo_service.h"

#include <memory>
#include <string>
#include <utility>

#include "grpcpp/support/byte_buffer.h"
#include "kvsift/v1/echo.grpc.pb.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/errors.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

// A call that reads messages, one after the other.
template <typename Request>
class EchoCall : public CallReactor {
 public:
  using CallReactor::CallReactor;

  void ReadOn() { StartRead(&in_); }

 private:
  // Answers, reads on or ends.
  virtual void OnMessage(const Request& request) = 0;

  // No further message comes.
  virtual void OnEnd() = 0;

  void OnReadDone(bool ok) final {
    if (!ok) return OnEnd();
    const absl::Status parsed = ParseMessage(in_, request_);
    if (!parsed.ok()) return Finish(ToGrpcStatus(parsed));
    OnMessage(request_);
  }

  void OnDone() final { delete this; }

  grpc::ByteBuffer in_;
  Request request_;
};

class Echo final : public EchoCall<v1::EchoRequest> {
 public:
  Echo(std::unique_ptr<ServerCall> call, int64_t max_answer_bytes)
      : EchoCall(std::move(call)), max_answer_bytes_(max_answer_bytes) {}

 private:
  void OnMessage(const v1::EchoRequest& request) override {
    const absl::Status sized =
        CheckRange("answer_bytes", request.answer_bytes(), 0, max_answer_bytes_);
    if (!sized.ok()) return Finish(ToGrpcStatus(sized));
    v1::EchoResponse response;
    response.mutable_payload()->resize(static_cast<size_t>(request.answer_bytes()));
    FinishWith(SerializeMessage(response));
  }

  void OnEnd() override { Finish(grpc::Status::CANCELLED); }

  const int64_t max_answer_bytes_;
};

// A plain service: it reads on when it has written. What a client has sent meanwhile waits in the
// transport.
class EchoStream final : public EchoCall<v1::StreamEchoRequest> {
 public:
  EchoStream(std::unique_ptr<ServerCall> call, int64_t max_answer_bytes)
      : EchoCall(std::move(call)), max_answer_bytes_(max_answer_bytes) {}

 private:
  void OnMessage(const v1::StreamEchoRequest& request) override {
    const absl::Status sized =
        CheckRange("answer_bytes", request.answer_bytes(), 0, max_answer_bytes_);
    if (!sized.ok()) return Finish(ToGrpcStatus(sized));
    response_.set_id(request.id());
    response_.mutable_payload()->resize(static_cast<size_t>(request.answer_bytes()));
    StartWrite(SerializeMessage(response_));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    ReadOn();
  }

  void OnEnd() override { Finish(grpc::Status::OK); }

  const int64_t max_answer_bytes_;
  v1::StreamEchoResponse response_;
};

class DiscardStream final : public EchoCall<v1::StreamDiscardRequest> {
 public:
  using EchoCall::EchoCall;

 private:
  void OnMessage(const v1::StreamDiscardRequest& request) override {
    response_.set_messages(response_.messages() + 1);
    response_.set_bytes(response_.bytes() + static_cast<int64_t>(request.payload().size()));
    ReadOn();
  }

  void OnEnd() override { FinishWith(SerializeMessage(response_)); }

  v1::StreamDiscardResponse response_;
};

}  // namespace

void AddEchoService(int64_t max_answer_bytes, MethodTable& methods) {
  const std::string service = std::string("/") + v1::EchoService::service_full_name();
  methods[service + "/Echo"] = [max_answer_bytes](std::unique_ptr<ServerCall> call) {
    (new Echo(std::move(call), max_answer_bytes))->ReadOn();
  };
  methods[service + "/StreamEcho"] = [max_answer_bytes](std::unique_ptr<ServerCall> call) {
    (new EchoStream(std::move(call), max_answer_bytes))->ReadOn();
  };
  methods[service + "/StreamDiscard"] = [](std::unique_ptr<ServerCall> call) {
    (new DiscardStream(std::move(call)))->ReadOn();
  };
}

}  // namespace kvsift
