// What the kernel knows of this process at the moment of a scrape, under the names that every
// Prometheus client uses.
#ifndef KVSIFT_SERVER_RPC_METRICS_PROCESS_STATE_H_
#define KVSIFT_SERVER_RPC_METRICS_PROCESS_STATE_H_

#include <prometheus/collectable.h>

#include <vector>

namespace kvsift {

// Reads /proc/self; what cannot be read is left out.
class ProcessState final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_PROCESS_STATE_H_
