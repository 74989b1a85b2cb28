// Answers GET /metrics over HTTP, for Prometheus.
#ifndef KVSIFT_SERVER_RPC_METRICS_METRICS_SERVER_H_
#define KVSIFT_SERVER_RPC_METRICS_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/metrics/metrics.h"
#include "server/rpc/unread_answers.h"

namespace kvsift {

// Serves from Start until destruction, which waits for answers in flight.
class MetricsServer {
 public:
  // Serves `metrics`, the state of `engine` and `unread`, which outlive the server, and that of
  // this process. Errors: UNAVAILABLE if `address` cannot be had. REQUIRES: ParseIpv4Address read
  // it.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const ListenAddress& address,
                                                              const Metrics& metrics,
                                                              const Engine& engine,
                                                              const UnreadAnswers& unread);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // As clients reach it, with the real port.
  const std::string& address() const;

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_METRICS_SERVER_H_
