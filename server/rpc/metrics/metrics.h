// What a server does, counted for Prometheus: the events of its engine and of its calls.
//
// An event costs a few atomic additions and, for a histogram, a mutex of its own: everything that
// it touches is looked up at construction. This folder alone knows the client library.
#ifndef KVSIFT_SERVER_RPC_METRICS_METRICS_H_
#define KVSIFT_SERVER_RPC_METRICS_METRICS_H_

#include <chrono>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "server/engine/observer.h"
#include "server/rpc/call_observer.h"

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace kvsift {

// Thread-safe.
class Metrics final : public EngineObserver, public CallObserver {
 public:
  // `devices` by index of the shard; at least one. A report's shard is below their number.
  explicit Metrics(std::span<const BackendInfo> devices);
  ~Metrics() override;

  void OnStarted(std::chrono::nanoseconds waited) override;
  void OnBatch(const BatchReport& report) override;
  void OnCall(Method method, absl::StatusCode code, std::chrono::nanoseconds total,
              std::chrono::nanoseconds reply) override;
  void OnEntryError(absl::StatusCode code) override;
  void OnStreams(int change) override;

  // What was counted so far, as a scrape takes it. May outlive this.
  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_METRICS_H_
