// Bad inputs as data: what is sent, and what its sender must be told.
#ifndef KVSIFT_TESTS_END_TO_END_REFUSAL_H_
#define KVSIFT_TESTS_END_TO_END_REFUSAL_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift {

// The kvsift.v1.ErrorDetail in the details of a status, read as google.rpc.Status is defined.
std::optional<v1::ErrorDetail> DetailOf(const grpc::Status& status);

struct Outcome {
  grpc::Status status;
  std::vector<v1::EntryError> entry_errors;
};

struct BadInput {
  std::string name;
  std::function<Outcome(v1::SelectionService::Stub&)> send;
  grpc::StatusCode code = grpc::StatusCode::OK;
  // Parts of the message. For a whole message they are also parts of its ErrorDetail.
  std::string field;
  std::string value;
  std::string limit;
  bool is_entry_error = false;  // the call succeeds and exactly one entry fails
};

template <typename Request, typename Response>
using Method = grpc::Status (v1::SelectionService::Stub::*)(grpc::ClientContext*, const Request&,
                                                            Response*);

// Calls `method` with `request`.
template <typename Request, typename Response>
Outcome Send(v1::SelectionService::Stub& stub, Method<Request, Response> method,
             const Request& request) {
  grpc::ClientContext context;
  Response response;
  Outcome outcome;
  outcome.status = (stub.*method)(&context, request, &response);
  if constexpr (requires { response.entry_errors(); }) {
    outcome.entry_errors.assign(response.entry_errors().begin(), response.entry_errors().end());
  }
  return outcome;
}

// What is expected of a bad input.
struct Expected {
  grpc::StatusCode code;
  std::string field;
  std::string value;
  std::string limit;
};

// `request`, changed by `edit`, is refused as a whole.
template <typename Request, typename Response, typename Edit>
BadInput Refused(std::string name, Method<Request, Response> method, Request request, Edit edit,
                 Expected expected) {
  edit(request);
  return {.name = std::move(name),
          .send = [method, request](auto& stub) { return Send(stub, method, request); },
          .code = expected.code,
          .field = expected.field,
          .value = expected.value,
          .limit = expected.limit};
}

// One entry of `request`, changed by `edit`, fails, and the others are served.
template <typename Request, typename Response, typename Edit>
BadInput EntryFails(std::string name, Method<Request, Response> method, Request request, Edit edit,
                    Expected expected) {
  BadInput input = Refused(std::move(name), method, std::move(request), edit, std::move(expected));
  input.is_entry_error = true;
  return input;
}

// Sends `input` and expects what it says.
void ExpectRefused(v1::SelectionService::Stub& stub, const BadInput& input);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_REFUSAL_H_
