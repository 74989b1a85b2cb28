// The metrics of a server, where its options ask for them.
#ifndef KVSIFT_SERVER_RPC_SERVER_METRICS_H_
#define KVSIFT_SERVER_RPC_SERVER_METRICS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "server/rpc/metrics/metrics.h"
#include "server/rpc/metrics/metrics_server.h"
#include "server/rpc/server.h"
#include "server/rpc/unread_answers.h"

namespace kvsift {

// Null without options.metrics_listen: nobody could ask for them.
std::unique_ptr<Metrics> MakeServerMetrics(const ServerOptions& options,
                                           const std::vector<std::unique_ptr<Backend>>& backends);

// Serves `metrics` on options.metrics_listen; null if `metrics` is. `engine` and `unread` outlive
// the result. Errors: those of MetricsServer::Start.
absl::StatusOr<std::unique_ptr<MetricsServer>> ServeMetrics(const ServerOptions& options,
                                                            const Metrics* metrics,
                                                            const Engine& engine,
                                                            const UnreadAnswers& unread);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SERVER_METRICS_H_
