#include "server/rpc/server_metrics.h"

#include "server/rpc/listen_address.h"

namespace kvsift {

std::unique_ptr<Metrics> MakeServerMetrics(const ServerOptions& options,
                                           const std::vector<std::unique_ptr<Backend>>& backends) {
  if (options.metrics_listen.empty()) return nullptr;
  std::vector<BackendInfo> devices;
  for (const auto& backend : backends) devices.push_back(backend->info());
  return std::make_unique<Metrics>(devices);
}

absl::StatusOr<std::unique_ptr<MetricsServer>> ServeMetrics(const ServerOptions& options,
                                                            const Metrics* metrics,
                                                            const Engine& engine,
                                                            const UnreadAnswers& unread) {
  if (metrics == nullptr) return std::unique_ptr<MetricsServer>();
  const auto address = ParseIpv4Address(options.metrics_listen);
  if (!address.ok()) return address.status();
  return MetricsServer::Start(*address, *metrics, engine, unread);
}

}  // namespace kvsift
