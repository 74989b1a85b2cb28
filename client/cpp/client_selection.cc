#include <memory>
#include <utility>
#include <vector>

#include "client/cpp/client_impl.h"
#include "client/cpp/selection.h"

namespace kvsift::client {
namespace {

// An asynchronous call: what must stay alive until its answer has come.
template <typename Request, typename Response>
struct AsyncCall {
  // Outlives the context, which holds the channel.
  std::shared_ptr<void> in_flight;
  grpc::ClientContext context;
  Request request;
  Response response;
  std::vector<int64_t> entry_rows;
  SelectionCallback done;

  void Finish(const grpc::Status& status) {
    if (!status.ok()) return done(ToAbslStatus(status));
    done(FromProto(response, std::move(entry_rows)));
  }
};

// A call that is ready to be started, or why it is none.
template <typename Request, typename Response, typename ClientRequest>
absl::StatusOr<std::shared_ptr<AsyncCall<Request, Response>>> MakeCall(const Store& store,
                                                                       const ClientRequest& request,
                                                                       absl::Time deadline,
                                                                       CallsInFlight& calls) {
  absl::StatusOr<Request> message = ToProto(store, request);
  if (!message.ok()) return message.status();
  auto call = std::make_shared<AsyncCall<Request, Response>>();
  call->request = *std::move(message);
  call->entry_rows = EntryRows(store, request);
  call->in_flight = calls.Enter();
  SetDeadline(call->context, deadline);
  return call;
}

}  // namespace

absl::StatusOr<SelectionResult> Client::Select(const Store& store, const SelectRequest& request,
                                               absl::Time deadline) {
  const absl::StatusOr<v1::SelectRequest> message = ToProto(store, request);
  if (!message.ok()) return message.status();
  v1::SelectResponse response;
  const auto outcome = impl_->Send(&Stub::Select, *message, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response, EntryRows(store, request));
}

absl::StatusOr<SelectionResult> Client::Step(const Store& store, const StepRequest& request,
                                             absl::Time deadline) {
  const absl::StatusOr<v1::StepRequest> message = ToProto(store, request);
  if (!message.ok()) return message.status();
  v1::StepResponse response;
  const auto outcome = impl_->Send(&Stub::Step, *message, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response, EntryRows(store, request));
}

void Client::SelectAsync(const Store& store, const SelectRequest& request, absl::Time deadline,
                         SelectionCallback done) {
  auto call =
      MakeCall<v1::SelectRequest, v1::SelectResponse>(store, request, deadline, impl_->calls());
  if (!call.ok()) return done(call.status());
  auto& state = **call;
  state.done = std::move(done);
  impl_->stub().async()->Select(
      &state.context, &state.request, &state.response,
      [call = *call](const grpc::Status& status) { call->Finish(status); });
}

void Client::StepAsync(const Store& store, const StepRequest& request, absl::Time deadline,
                       SelectionCallback done) {
  auto call = MakeCall<v1::StepRequest, v1::StepResponse>(store, request, deadline, impl_->calls());
  if (!call.ok()) return done(call.status());
  auto& state = **call;
  state.done = std::move(done);
  impl_->stub().async()->Step(&state.context, &state.request, &state.response,
                              [call = *call](const grpc::Status& status) { call->Finish(status); });
}

}  // namespace kvsift::client
