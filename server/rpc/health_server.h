// The port of health checks: grpc.health.v1 and nothing else, for probes that know no TLS and have
// no business with anything but health.
#ifndef KVSIFT_SERVER_RPC_HEALTH_SERVER_H_
#define KVSIFT_SERVER_RPC_HEALTH_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/call_server.h"
#include "server/rpc/health_service.h"

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

  // As clients reach it, with the real port.
  const std::string& address() const { return server_->addresses().front(); }

  // `is_ready`: new calls are taken. `is_live`: a restart would not help.
  void Report(bool is_ready, bool is_live);

 private:
  HealthServer() { Report(true, true); }

  HealthService health_;
  std::unique_ptr<CallServer> server_;
};

// Tells `health`, of any listener, whether new calls are taken.
void ReportReadiness(HealthService& health, bool is_ready);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_HEALTH_SERVER_H_
