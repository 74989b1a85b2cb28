#include "client/pool/health_probe.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/convert.h"
#include "client/cpp/status.h"
#include "proto/transport/completion_loop.h"

namespace kvsift::client {
namespace {

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";

// HealthCheckResponse{status: SERVING}. Its generated code is not installed by distributions; the
// request for the whole server is empty.
constexpr std::string_view kServing = "\x08\x01";

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok()) return "";
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Asks the health service, then the server itself. Deletes itself when it has told.
class Question {
 public:
  Question(Connection& connection, absl::Time deadline, std::function<void(Health)> done)
      : connection_(connection), deadline_(deadline), done_(std::move(done)) {
    SetDeadline(check_context_, deadline_);
    const grpc::Slice nothing;
    check_call_ = grpc::GenericStub(connection_.channel())
                      .PrepareUnaryCall(&check_context_, kCheck, grpc::ByteBuffer(&nothing, 1),
                                        &CompletionLoop::OfProcess().queue());
    check_call_->StartCall();
    check_call_->Finish(&answer_, &status_, &checked_);
  }

 private:
  void OnChecked(bool /*ok*/) {
    if (status_.error_code() == grpc::StatusCode::UNIMPLEMENTED ||
        (status_.ok() && BytesOf(answer_) == kServing)) {
      return AskServer();
    }
    Tell({.status = ToAbslStatus(status_)});
  }

  void AskServer() {
    SetDeadline(server_context_, deadline_);
    server_call_ = connection_.stub().AsyncGetServer(&server_context_, {},
                                                     &CompletionLoop::OfProcess().queue());
    server_call_->Finish(&response_, &status_, &answered_);
  }

  void OnAnswered(bool /*ok*/) {
    Health health = {.status = ToAbslStatus(status_), .is_serving = status_.ok()};
    if (status_.ok()) health.server = FromProto(response_);
    Tell(std::move(health));
  }

  void Tell(Health health) {
    const std::function<void(Health)> done = std::move(done_);
    delete this;
    done(std::move(health));  // the connection may end with it
  }

  Connection& connection_;
  const absl::Time deadline_;
  std::function<void(Health)> done_;
  grpc::Status status_;
  grpc::ClientContext check_context_;
  grpc::ByteBuffer answer_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> check_call_;
  grpc::ClientContext server_context_;
  v1::GetServerResponse response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetServerResponse>> server_call_;
  Completion<Question, &Question::OnChecked> checked_{*this};
  Completion<Question, &Question::OnAnswered> answered_{*this};
};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthProbe>> HealthProbe::Make(const std::string& address,
                                                               const Options& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Make(address, options);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<HealthProbe>(new HealthProbe(*std::move(connection)));
}

void HealthProbe::Start(absl::Duration timeout, std::function<void(Health)> done) {
  new Question(*connection_, absl::Now() + timeout, std::move(done));
}

}  // namespace kvsift::client
