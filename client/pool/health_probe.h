// Asks a server how it is, on a connection of its own, so that no data stands in the way.
#ifndef KVSIFT_CLIENT_POOL_HEALTH_PROBE_H_
#define KVSIFT_CLIENT_POOL_HEALTH_PROBE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/connection.h"
#include "kvsift/client.h"

namespace kvsift::client {

struct Health {
  absl::Status status = {};  // OK: it answered
  bool is_serving = false;
  ServerInfo server = {};  // if it serves
};

class HealthProbe {
 public:
  // Errors: INVALID_ARGUMENT for the form of the address.
  static absl::StatusOr<std::unique_ptr<HealthProbe>> Make(const std::string& address,
                                                           const Options& options);

  // Asks once. `done` is called on the thread of completions, when the timeout is over at the
  // latest; the probe outlives that call. A server without a health service serves if it answers
  // GetServer.
  void Start(absl::Duration timeout, std::function<void(Health)> done);

 private:
  explicit HealthProbe(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  std::unique_ptr<Connection> connection_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_HEALTH_PROBE_H_
