#include "server/rpc/health_server.h"

#include <chrono>
#include <utility>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/server_builder.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/rpc/listeners.h"
#include "server/rpc/tuning.h"

namespace kvsift {
namespace {

// A probe's message is the name of a service.
constexpr int64_t kMaxProbeBytes = 4096;

// Leaves out what every other server of the process gets: reflection.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(const std::string& address) {
  // gRPC starts no server without a service. This one answers UNIMPLEMENTED to everything.
  auto nothing_else = std::make_unique<grpc::CallbackGenericService>();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  TuneServer(kMaxProbeBytes, builder);
  builder.SetOption(std::make_unique<NoPlugins>());
  builder.RegisterCallbackGenericService(nothing_else.get());
  Listeners listeners;
  absl::Status added = listeners.Add(address, builder);
  if (!added.ok()) return added;
  auto server = builder.BuildAndStart();
  auto addresses = listeners.Addresses();
  if (!addresses.ok()) return addresses.status();
  if (server == nullptr) return absl::UnavailableError("cannot start health checks");
  return std::unique_ptr<HealthServer>(
      new HealthServer(std::move(nothing_else), std::move(server), std::move(addresses->front())));
}

HealthServer::HealthServer(std::unique_ptr<grpc::CallbackGenericService> nothing_else,
                           std::unique_ptr<grpc::Server> server, std::string address)
    : nothing_else_(std::move(nothing_else)),
      server_(std::move(server)),
      address_(std::move(address)) {
  Report(true, true);
}

HealthServer::~HealthServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void HealthServer::Report(bool is_ready, bool is_live) {
  grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
  ReportReadiness(health, is_ready);
  health.SetServingStatus(kLivenessService, is_live);
}

void ReportReadiness(grpc::HealthCheckServiceInterface& health, bool is_ready) {
  health.SetServingStatus("", is_ready);
  health.SetServingStatus(v1::SelectionService::service_full_name(), is_ready);
}

}  // namespace kvsift
