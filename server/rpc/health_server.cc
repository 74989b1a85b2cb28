#include "server/rpc/health_server.h"

#include <chrono>
#include <utility>

#include "absl/memory/memory.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift {
namespace {

// A probe's message is the name of a service.
constexpr int64_t kMaxProbeBytes = 4096;

// How long a probe may wait, for which the thread of calls is left alone (completion_loop.h).
constexpr std::chrono::milliseconds kPeriod{10};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(const std::string& address) {
  auto health = absl::WrapUnique(new HealthServer());
  MethodTable methods;
  health->health_.AddTo(methods);
  auto server = CallServer::Start({.listen = {address},
                                   .max_message_bytes = kMaxProbeBytes,
                                   .loop = {.helpers = 0, .period = kPeriod},
                                   .busy_poll = {}},
                                  std::move(methods));
  if (!server.ok()) return server.status();
  health->server_ = *std::move(server);
  return health;
}

void HealthServer::Report(bool is_ready, bool is_live) {
  ReportReadiness(health_, is_ready);
  health_.Set(kLivenessService, is_live);
}

void ReportReadiness(HealthService& health, bool is_ready) {
  health.Set("", is_ready);
  health.Set(v1::SelectionService::service_full_name(), is_ready);
}

}  // namespace kvsift
