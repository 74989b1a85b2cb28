#include "tests/bench/roundtrip/echo_server.h"

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/server.h"
#include "server/rpc/tuning.h"

namespace kvsift {

class EchoServer::Service final
    : public v1::SelectionService::WithRawCallbackMethod_Select<v1::SelectionService::Service> {
 public:
  explicit Service(const v1::SelectResponse& answer) {
    grpc::Slice slice(answer.SerializeAsString());
    answer_ = grpc::ByteBuffer(&slice, 1);
  }

  grpc::ServerUnaryReactor* Select(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* /*in*/, grpc::ByteBuffer* out) override {
    *out = answer_;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  grpc::ByteBuffer answer_;
};

EchoServer::EchoServer(const std::string& address, const v1::SelectResponse& answer)
    : service_(std::make_unique<Service>(answer)) {
  grpc::ServerBuilder builder;
  TuneServer(kDefaultMessageBytes, builder);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

EchoServer::~EchoServer() {
  if (server_ != nullptr) server_->Shutdown();
}

}  // namespace kvsift
