// What an engine holds at the moment of a scrape.
#ifndef KVSIFT_SERVER_RPC_METRICS_ENGINE_STATE_H_
#define KVSIFT_SERVER_RPC_METRICS_ENGINE_STATE_H_

#include <prometheus/collectable.h>

#include <vector>

#include "server/engine/engine.h"

namespace kvsift {

// Sums per device, not per store: stores come and go by the thousand, and every one that there
// ever was would stay a series in Prometheus.
class EngineState final : public prometheus::Collectable {
 public:
  // `engine` outlives the last scrape.
  explicit EngineState(const Engine& engine) : engine_(engine) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Engine& engine_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_ENGINE_STATE_H_
