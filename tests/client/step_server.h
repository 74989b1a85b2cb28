// A server that knows streams of steps and nothing else, and does with them what a test says.
#ifndef KVSIFT_TESTS_CLIENT_STEP_SERVER_H_
#define KVSIFT_TESTS_CLIENT_STEP_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "tests/client/sample_store.h"

namespace kvsift {

using StepsOfClient = grpc::ServerReaderWriter<v1::StreamStepsResponse, v1::StreamStepsRequest>;

class StepServer final : public v1::SelectionService::Service {
 public:
  // Handles the stream with this index, from 0 on; what it returns ends the stream.
  using Handler = std::function<grpc::Status(StepsOfClient& steps, int stream)>;

  explicit StepServer(Handler handler) : handler_(std::move(handler)) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    listener_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~StepServer() override { listener_->Shutdown(std::chrono::system_clock::now()); }

  std::unique_ptr<Client> Connect(const client::Options& options = {}) const {
    auto client = Client::Connect(address_, options, Soon());
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  int streams() const {
    const std::lock_guard lock(mutex_);
    return streams_;
  }

  // Connections that calls of one kind came over.
  size_t stream_peers() const {
    const std::lock_guard lock(mutex_);
    return stream_peers_.size();
  }
  size_t unary_peers() const {
    const std::lock_guard lock(mutex_);
    return unary_peers_.size();
  }

  grpc::Status GetServer(grpc::ServerContext* context, const v1::GetServerRequest*,
                         v1::GetServerResponse*) override {
    const std::lock_guard lock(mutex_);
    unary_peers_.insert(context->peer());
    return grpc::Status::OK;
  }

  grpc::Status StreamSteps(grpc::ServerContext* context, StepsOfClient* steps) override {
    int stream = 0;
    {
      const std::lock_guard lock(mutex_);
      stream = streams_++;
      stream_peers_.insert(context->peer());
    }
    return handler_(*steps, stream);
  }

 private:
  Handler handler_;
  mutable std::mutex mutex_;
  int streams_ = 0;
  std::set<std::string> stream_peers_;
  std::set<std::string> unary_peers_;
  std::string address_;
  std::unique_ptr<grpc::Server> listener_;
};

inline const grpc::Status kEndOfServer(grpc::StatusCode::UNAVAILABLE, "ended on purpose");

// The answer to a step of one entry that only appends one key.
inline v1::StreamStepsResponse AnswerTo(const v1::StreamStepsRequest& request) {
  v1::StreamStepsResponse response;
  response.set_id(request.id());
  response.mutable_step()->add_epochs(1);
  response.mutable_step()->add_lengths(request.step().keys().starts(0) + 1);
  return response;
}

// The answer that one of them failed.
inline v1::StreamStepsResponse FailureOf(const v1::StreamStepsRequest& request,
                                         grpc::StatusCode code) {
  v1::StreamStepsResponse response;
  response.set_id(request.id());
  response.set_code(code);
  response.set_message("failed on purpose");
  return response;
}

// Answers every step at once.
inline grpc::Status AnswerAll(StepsOfClient& steps, int) {
  v1::StreamStepsRequest request;
  while (steps.Read(&request)) steps.Write(AnswerTo(request));
  return grpc::Status::OK;
}

// Answers none.
inline grpc::Status AnswerNone(StepsOfClient& steps, int) {
  v1::StreamStepsRequest request;
  while (steps.Read(&request)) {
  }
  return grpc::Status::OK;
}

// A store that this side believes to exist.
inline client::Store BelievedStore() {
  client::Store store;
  store.config = SampleConfig("believed");
  return store;
}

// A step that appends one key at `start` to sequence `id` at layer 2.
inline client::StepRequest OneKey(uint64_t id, int64_t start) {
  static const std::vector<float> key = SampleElements(2 * 32, 3);
  client::StepRequest step;
  step.layer_id = 2;
  step.entries = {{.sequence_id = id, .start = start, .query_tokens = 0}};
  step.keys = client::Float32Vectors(key);
  return step;
}

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_STEP_SERVER_H_
