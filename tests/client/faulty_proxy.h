// A service between a client and a real server that loses calls and answers on demand.
#ifndef KVSIFT_TESTS_CLIENT_FAULTY_PROXY_H_
#define KVSIFT_TESTS_CLIENT_FAULTY_PROXY_H_

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift {

enum class Fault : uint8_t {
  kNone,
  kLoseCall,    // UNAVAILABLE; the server never hears of it
  kLoseAnswer,  // the server does it; the client is told UNAVAILABLE
  kRefuse,      // of a step: it is answered with UNAVAILABLE, and its stream goes on
};

// Faults meet appends, steps, releases and deletions; other calls pass. A lost step ends its
// stream.
class FaultyProxy final : public v1::SelectionService::Service {
 public:
  explicit FaultyProxy(v1::SelectionService::Stub& server) : server_(server) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(this);
    listener_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FaultyProxy() override { listener_->Shutdown(); }

  const std::string& address() const { return address_; }

  // What happens to the next calls, one by one.
  void SetFaults(std::deque<Fault> faults) {
    const std::lock_guard lock(mutex_);
    faults_ = std::move(faults);
  }

  // Runs before each append is handed on; told how many came before.
  std::function<void(int appends_before)> before_append;
  int appends = 0;  // that reached the server, streams counted once
  std::atomic<int> streams_of_steps = 0;

  grpc::Status GetServer(grpc::ServerContext*, const v1::GetServerRequest* request,
                         v1::GetServerResponse* response) override {
    grpc::ClientContext context;
    return server_.GetServer(&context, *request, response);
  }

  grpc::Status GetSequence(grpc::ServerContext*, const v1::GetSequenceRequest* request,
                           v1::GetSequenceResponse* response) override {
    grpc::ClientContext context;
    return server_.GetSequence(&context, *request, response);
  }

  grpc::Status AppendKeys(grpc::ServerContext*, const v1::AppendKeysRequest* request,
                          v1::AppendKeysResponse* response) override {
    return Pass([&] {
      if (before_append) before_append(appends);
      ++appends;
      grpc::ClientContext context;
      return server_.AppendKeys(&context, *request, response);
    });
  }

  grpc::Status StreamAppendKeys(grpc::ServerContext*,
                                grpc::ServerReader<v1::StreamAppendKeysRequest>* reader,
                                v1::StreamAppendKeysResponse* response) override {
    return Pass([&] {
      ++appends;
      grpc::ClientContext context;
      const auto writer = server_.StreamAppendKeys(&context, response);
      v1::StreamAppendKeysRequest message;
      while (reader->Read(&message) && writer->Write(message)) {
      }
      writer->WritesDone();
      return writer->Finish();
    });
  }

  grpc::Status StreamSteps(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamStepsResponse, v1::StreamStepsRequest>* steps) override {
    ++streams_of_steps;
    v1::StreamStepsRequest request;
    while (steps->Read(&request)) {
      const Fault fault = NextFault();
      if (fault == Fault::kLoseCall) return kLost;
      v1::StreamStepsResponse response;
      response.set_id(request.id());
      grpc::ClientContext context;
      const grpc::Status status =
          fault == Fault::kRefuse ? kLost
                                  : server_.Step(&context, request.step(), response.mutable_step());
      if (fault == Fault::kLoseAnswer) return kLost;
      response.set_code(status.error_code());
      response.set_message(status.error_message());
      steps->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReleaseSequence(grpc::ServerContext*, const v1::ReleaseSequenceRequest* request,
                               v1::ReleaseSequenceResponse* response) override {
    return Pass([&] {
      grpc::ClientContext context;
      return server_.ReleaseSequence(&context, *request, response);
    });
  }

  grpc::Status DeleteStore(grpc::ServerContext*, const v1::DeleteStoreRequest* request,
                           v1::DeleteStoreResponse* response) override {
    return Pass([&] {
      grpc::ClientContext context;
      return server_.DeleteStore(&context, *request, response);
    });
  }

 private:
  inline static const grpc::Status kLost{grpc::StatusCode::UNAVAILABLE, "lost on purpose"};

  Fault NextFault() {
    const std::lock_guard lock(mutex_);
    if (faults_.empty()) return Fault::kNone;
    const Fault fault = faults_.front();
    faults_.pop_front();
    return fault;
  }

  grpc::Status Pass(const std::function<grpc::Status()>& forward) {
    const Fault fault = NextFault();
    if (fault == Fault::kLoseCall) return kLost;
    const grpc::Status status = forward();
    return fault == Fault::kLoseAnswer ? kLost : status;
  }

  v1::SelectionService::Stub& server_;
  std::mutex mutex_;
  std::deque<Fault> faults_;
  std::string address_;
  std::unique_ptr<grpc::Server> listener_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_FAULTY_PROXY_H_
