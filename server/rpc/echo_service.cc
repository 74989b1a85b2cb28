#include "server/rpc/echo_service.h"

#include <string>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "kvsift/v1/echo.grpc.pb.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/errors.h"

namespace kvsift {
namespace {

using grpc::CallbackServerContext;
using Rpc = v1::EchoService;

grpc::Status CheckAnswerBytes(int64_t bytes, int64_t max_answer_bytes) {
  return ToGrpcStatus(CheckRange("answer_bytes", bytes, 0, max_answer_bytes));
}

// A plain service: it reads on when it has written. What a client has sent meanwhile waits in the
// transport.
class EchoStream final
    : public grpc::ServerBidiReactor<v1::StreamEchoRequest, v1::StreamEchoResponse> {
 public:
  explicit EchoStream(int64_t max_answer_bytes) : max_answer_bytes_(max_answer_bytes) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    const grpc::Status sized = CheckAnswerBytes(request_.answer_bytes(), max_answer_bytes_);
    if (!sized.ok()) return Finish(sized);
    response_.set_id(request_.id());
    response_.mutable_payload()->resize(static_cast<size_t>(request_.answer_bytes()));
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  const int64_t max_answer_bytes_;
  v1::StreamEchoRequest request_;
  v1::StreamEchoResponse response_;
};

class DiscardStream final : public grpc::ServerReadReactor<v1::StreamDiscardRequest> {
 public:
  explicit DiscardStream(v1::StreamDiscardResponse& response) : response_(response) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    response_.set_messages(response_.messages() + 1);
    response_.set_bytes(response_.bytes() + static_cast<int64_t>(request_.payload().size()));
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  v1::StreamDiscardRequest request_;
  v1::StreamDiscardResponse& response_;
};

class EchoService final : public Rpc::CallbackService {
 public:
  explicit EchoService(int64_t max_answer_bytes) : max_answer_bytes_(max_answer_bytes) {}

  grpc::ServerUnaryReactor* Echo(CallbackServerContext* context, const v1::EchoRequest* request,
                                 v1::EchoResponse* response) override {
    const grpc::Status sized = CheckAnswerBytes(request->answer_bytes(), max_answer_bytes_);
    if (sized.ok()) {
      response->mutable_payload()->resize(static_cast<size_t>(request->answer_bytes()));
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(sized);
    return reactor;
  }

  grpc::ServerBidiReactor<v1::StreamEchoRequest, v1::StreamEchoResponse>* StreamEcho(
      CallbackServerContext* /*context*/) override {
    return new EchoStream(max_answer_bytes_);
  }

  grpc::ServerReadReactor<v1::StreamDiscardRequest>* StreamDiscard(
      CallbackServerContext* /*context*/, v1::StreamDiscardResponse* response) override {
    return new DiscardStream(*response);
  }

 private:
  const int64_t max_answer_bytes_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEchoService(int64_t max_answer_bytes) {
  return std::make_unique<EchoService>(max_answer_bytes);
}

}  // namespace kvsift
