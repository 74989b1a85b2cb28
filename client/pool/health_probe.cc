#include "client/pool/health_probe.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/convert.h"
#include "client/cpp/status.h"

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

// One question, from its start until `done` was called.
struct Question {
  Question(v1::SelectionService::Stub& its_stub, absl::Time its_deadline,
           std::function<void(Health)> its_done)
      : stub(its_stub), deadline(its_deadline), done(std::move(its_done)) {}

  v1::SelectionService::Stub& stub;
  absl::Time deadline;
  std::function<void(Health)> done;
  grpc::ClientContext check_context;
  grpc::ClientContext server_context;
  grpc::ByteBuffer check;
  grpc::ByteBuffer answer;
  v1::GetServerRequest request;
  v1::GetServerResponse response;
};

void AskServer(const std::shared_ptr<Question>& question) {
  SetDeadline(question->server_context, question->deadline);
  question->stub.async()->GetServer(&question->server_context, &question->request,
                                    &question->response, [question](const grpc::Status& status) {
                                      Health health = {.status = ToAbslStatus(status),
                                                       .is_serving = status.ok()};
                                      if (status.ok())
                                        health.server = FromProto(question->response);
                                      question->done(std::move(health));
                                    });
}

}  // namespace

absl::StatusOr<std::unique_ptr<HealthProbe>> HealthProbe::Make(const std::string& address,
                                                               const Options& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Make(address, options);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<HealthProbe>(new HealthProbe(*std::move(connection)));
}

void HealthProbe::Start(absl::Duration timeout, std::function<void(Health)> done) {
  auto question =
      std::make_shared<Question>(connection_->stub(), absl::Now() + timeout, std::move(done));
  SetDeadline(question->check_context, question->deadline);
  const grpc::Slice nothing;
  question->check = grpc::ByteBuffer(&nothing, 1);
  grpc::GenericStub(connection_->channel())
      .UnaryCall(&question->check_context, kCheck, {}, &question->check, &question->answer,
                 [question](const grpc::Status& status) {
                   if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED ||
                       (status.ok() && BytesOf(question->answer) == kServing)) {
                     return AskServer(question);
                   }
                   question->done({.status = ToAbslStatus(status)});
                 });
}

}  // namespace kvsift::client
