#include "server/rpc/metrics/metrics.h"

#include <prometheus/registry.h>

#include <cstddef>
#include <string>

#include "server/rpc/metrics/batch_metrics.h"
#include "server/rpc/metrics/call_metrics.h"
#include "server/rpc/metrics/families.h"
#include "server/rpc/version.h"

namespace kvsift {
namespace {

const char* SharingName(DeviceSharing sharing) {
  switch (sharing) {
    case DeviceSharing::kNotShared:
      return "not_shared";
    case DeviceSharing::kTimeSliced:
      return "time_sliced";
    case DeviceSharing::kMps:
      return "mps";
  }
  return "";
}

// Where the time of a request goes.
struct StageMetrics {
  explicit StageMetrics(prometheus::Registry& registry)
      : StageMetrics(AddHistograms(
            registry, "kvsift_stage_duration_seconds",
            "queue: from a request's admission to its first batch; device: from a batch's "
            "submission to its end; reply: from the engine's result until gRPC had taken it.")) {}

  explicit StageMetrics(prometheus::Family<prometheus::Histogram>& stages)
      : queue(stages.Add({{"stage", "queue"}}, LatencyBuckets())),
        device(stages.Add({{"stage", "device"}}, LatencyBuckets())),
        reply(stages.Add({{"stage", "reply"}}, LatencyBuckets())) {}

  prometheus::Histogram& queue;
  prometheus::Histogram& device;
  prometheus::Histogram& reply;
};

// What never changes while the server runs, as labels of a constant 1.
void AddInfo(prometheus::Registry& registry, std::span<const BackendInfo> devices) {
  AddGauges(registry, "kvsift_build_info", "Version and backend of the server.")
      .Add({{"version", kVersion}, {"backend", devices.front().name}})
      .Set(1);
  auto& infos = AddGauges(registry, "kvsift_device_info",
                          "Instruction set or model of a device, and how a GPU serves several "
                          "processes (time_sliced: in turns).");
  for (size_t i = 0; i < devices.size(); ++i) {
    infos
        .Add({{"device", std::to_string(i)},
              {"description", devices[i].description},
              {"sharing", SharingName(devices[i].sharing)}})
        .Set(1);
  }
}

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(std::span<const BackendInfo> devices)
      : registry(std::make_shared<prometheus::Registry>()),
        calls(*registry),
        stages(*registry),
        batches(*registry, devices.size()) {
    AddInfo(*registry, devices);
  }

  const std::shared_ptr<prometheus::Registry> registry;
  CallMetrics calls;
  StageMetrics stages;
  BatchMetrics batches;
};

Metrics::Metrics(std::span<const BackendInfo> devices) : impl_(std::make_unique<Impl>(devices)) {}
Metrics::~Metrics() = default;

void Metrics::OnStarted(std::chrono::nanoseconds waited) {
  ObserveSeconds(impl_->stages.queue, waited);
}

void Metrics::OnBatch(const BatchReport& report) {
  impl_->batches.Count(report);
  ObserveSeconds(impl_->stages.device, report.device_time);
}

void Metrics::OnCall(Method method, absl::StatusCode code, std::chrono::nanoseconds total,
                     std::chrono::nanoseconds reply) {
  impl_->calls.Count(method, code, total);
  ObserveSeconds(impl_->stages.reply, reply);
}

void Metrics::OnEntryError(absl::StatusCode code) { impl_->calls.CountEntryError(code); }

void Metrics::OnStreams(int change) { impl_->calls.ChangeStreams(change); }

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const { return impl_->registry; }

}  // namespace kvsift
