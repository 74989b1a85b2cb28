// The port of health checks: grpc.health.v1 and nothing else, for probes that know no TLS and have
// no business with anything but health.
#ifndef KVSIFT_SERVER_RPC_HEALTH_SERVER_H_
#define KVSIFT_SERVER_RPC_HEALTH_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server.h"

namespace kvsift {

// The name under which the health port, and no other listener, tells whether a restart would help.
// What it says of "" and kvsift.v1.SelectionService is whether new calls are taken.
inline constexpr char kLivenessService[] = "liveness";

// Answers from Start until destruction, also during a drain. Thread-safe.
class HealthServer {
 public:
  // Listens on `address`, one that ParseListenAddress reads, and says SERVING.
  // Errors: UNAVAILABLE, ALREADY_EXISTS if it cannot be had; those of ParseListenAddress.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Start(const std::string& address);

  // Cuts calls short.
  ~HealthServer();
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  // As clients reach it, with the real port.
  const std::string& address() const { return address_; }

  // `is_ready`: new calls are taken. `is_live`: a restart would not help.
  void Report(bool is_ready, bool is_live);

 private:
  HealthServer(std::unique_ptr<grpc::CallbackGenericService> nothing_else,
               std::unique_ptr<grpc::Server> server, std::string address);

  const std::unique_ptr<grpc::CallbackGenericService> nothing_else_;  // outlives the server
  const std::unique_ptr<grpc::Server> server_;
  const std::string address_;
};

// Tells `health`, of any listener, whether new calls are taken.
void ReportReadiness(grpc::HealthCheckServiceInterface& health, bool is_ready);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_HEALTH_SERVER_H_
