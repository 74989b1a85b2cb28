#include "kvsift/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/append_call.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/convert.h"

namespace kvsift::client {

absl::StatusOr<std::unique_ptr<Client::Impl>> Client::Impl::Make(const std::string& address,
                                                                 Options options) {
  options.channels = std::max(options.channels, 1);
  options.max_steps_in_flight = std::max(options.max_steps_in_flight, 1);
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < options.channels; ++i) {
    absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Make(address, options);
    if (!connection.ok()) return connection.status();
    connections.push_back(*std::move(connection));
  }
  return std::unique_ptr<Impl>(new Impl(std::move(connections)));
}

Client::Impl::Impl(std::vector<std::unique_ptr<Connection>> connections)
    : connections_(std::move(connections)) {
  for (const auto& connection : connections_) {
    step_channels_.push_back(
        std::make_unique<StepChannel>(connection->channel(), connection->options(), timer_));
  }
}

Client::Impl::~Impl() {
  calls_.Wait();
  for (const auto& channel : step_channels_) channel->Close();
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& address, Options options,
                                                        absl::Time deadline) {
  absl::StatusOr<std::unique_ptr<Impl>> made = Impl::Make(address, std::move(options));
  if (!made.ok()) return made.status();
  std::unique_ptr<Impl> impl = *std::move(made);
  Connection& connection = impl->NextConnection();
  grpc::ClientContext context;
  SetDeadline(context, deadline);
  v1::GetServerResponse server;
  const absl::Status status = ToAbslStatus(connection.stub().GetServer(&context, {}, &server));
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat(address, ": ", status.message()));
  }
  const int64_t theirs = server.limits().max_message_bytes();
  impl->message_bytes = connection.options().max_message_bytes;
  if (theirs > 0) impl->message_bytes = std::min(impl->message_bytes, theirs);
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<ServerInfo> Client::GetServer(absl::Time deadline) {
  v1::GetServerResponse response;
  const auto outcome = impl_->Send(&Stub::GetServer, v1::GetServerRequest(), response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response);
}

absl::StatusOr<Store> Client::CreateStore(const StoreConfig& config, absl::Time deadline) {
  v1::CreateStoreRequest request;
  *request.mutable_config() = ToProto(config);
  v1::CreateStoreResponse response;
  const auto outcome = impl_->Send(&Stub::CreateStore, request, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response.store());
}

absl::StatusOr<Store> Client::GetStore(const std::string& name, absl::Time deadline) {
  v1::GetStoreRequest request;
  request.set_name(name);
  v1::GetStoreResponse response;
  const auto outcome = impl_->Send(&Stub::GetStore, request, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response.store());
}

absl::StatusOr<std::vector<Store>> Client::ListStores(absl::Time deadline) {
  std::vector<Store> stores;
  v1::ListStoresRequest request;
  do {
    v1::ListStoresResponse response;
    const auto outcome = impl_->Send(&Stub::ListStores, request, response, deadline);
    if (!outcome.status.ok()) return outcome.status;
    for (const v1::Store& store : response.stores()) stores.push_back(FromProto(store));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return stores;
}

absl::Status Client::DeleteStore(const std::string& name, absl::Time deadline) {
  v1::DeleteStoreRequest request;
  request.set_name(name);
  v1::DeleteStoreResponse response;
  return DoneIfGone(impl_->Send(&Stub::DeleteStore, request, response, deadline));
}

absl::StatusOr<AppendResult> Client::Append(const Store& store, const AppendRequest& request,
                                            absl::Time deadline) {
  return RunAppend(impl_->NextConnection(), impl_->message_bytes, AppendTransport::kUnary, store,
                   request, deadline);
}

absl::StatusOr<AppendResult> Client::StreamAppend(const Store& store, const AppendRequest& request,
                                                  absl::Time deadline) {
  return RunAppend(impl_->NextConnection(), impl_->message_bytes, AppendTransport::kStream, store,
                   request, deadline);
}

}  // namespace kvsift::client
