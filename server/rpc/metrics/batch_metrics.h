// Batches of devices, and what was in them, counted.
#ifndef KVSIFT_SERVER_RPC_METRICS_BATCH_METRICS_H_
#define KVSIFT_SERVER_RPC_METRICS_BATCH_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <vector>

#include "server/engine/observer.h"

namespace kvsift {

// Thread-safe.
class BatchMetrics {
 public:
  // `registry` outlives this.
  BatchMetrics(prometheus::Registry& registry, size_t devices);

  // REQUIRES: report.shard is the index of a device.
  void Count(const BatchReport& report);

 private:
  struct Device {
    prometheus::Counter& done;
    prometheus::Counter& failed;
    prometheus::Counter& selections;
    prometheus::Counter& rows;
    prometheus::Counter& keys_scanned;
    prometheus::Counter& appended_keys;
    prometheus::Counter& appended_bytes;
  };

  prometheus::Histogram& works_;
  prometheus::Histogram& rows_;
  std::vector<Device> devices_;  // by index
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_BATCH_METRICS_H_
