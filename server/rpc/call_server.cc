#include "server/rpc/call_server.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/listeners.h"
#include "server/rpc/tuning.h"

namespace kvsift {
namespace {

// Calls that gRPC can start without waiting for one of our threads.
constexpr int kAwaitedCalls = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<CallServer>> CallServer::Start(const Options& options,
                                                              MethodTable methods) {
  auto server = absl::WrapUnique(new CallServer(std::move(methods)));
  grpc::ServerBuilder builder;
  TuneServer(options.max_message_bytes, builder);
  Listeners listeners;
  for (const std::string& address : options.listen) {
    absl::Status added = listeners.Add(address, builder);
    if (!added.ok()) return added;
  }
  builder.RegisterAsyncGenericService(&server->service_);
  auto queue = builder.AddCompletionQueue();
  server->source_ = {.service = &server->service_,
                     .loop = nullptr,
                     .queue = queue.get(),
                     .methods = &server->methods_,
                     .calls = &server->calls_};
  server->server_ = builder.BuildAndStart();
  // Before anything else that can fail: its end ends the queue.
  server->loop_ = std::make_unique<CompletionLoop>(std::move(queue), options.loop);
  server->source_.loop = server->loop_.get();
  server->wait_ = server->loop_->Await(options.busy_poll);
  auto addresses = listeners.Addresses();
  if (!addresses.ok()) return addresses.status();
  if (server->server_ == nullptr) return absl::UnavailableError("cannot start listening");
  server->addresses_ = *std::move(addresses);
  for (int i = 0; i < kAwaitedCalls; ++i) ServerCall::Await(server->source_);
  return server;
}

CallServer::~CallServer() { Shutdown(absl::ZeroDuration()); }

void CallServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
  calls_.WaitUntilEmpty(absl::InfiniteDuration());
}

}  // namespace kvsift
