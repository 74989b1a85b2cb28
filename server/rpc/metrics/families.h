// Families of metrics in a registry, and the buckets of every histogram.
#ifndef KVSIFT_SERVER_RPC_METRICS_FAMILIES_H_
#define KVSIFT_SERVER_RPC_METRICS_FAMILIES_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>

namespace kvsift {

inline prometheus::Family<prometheus::Counter>& AddCounters(prometheus::Registry& registry,
                                                            const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

inline prometheus::Family<prometheus::Gauge>& AddGauges(prometheus::Registry& registry,
                                                        const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

inline prometheus::Family<prometheus::Histogram>& AddHistograms(prometheus::Registry& registry,
                                                                const char* name,
                                                                const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

// Of every latency: 10 us to 10 s, three a decade.
inline prometheus::Histogram::BucketBoundaries LatencyBuckets() {
  return {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01,
          0.02, 0.05, 0.1,  0.2,  0.5,  1.0,  2.0,  5.0,  10.0};
}

// Of works in a batch: powers of 2.
inline prometheus::Histogram::BucketBoundaries WorkBuckets() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
}

// Of rows in a batch: powers of 4. A layer of 256 sequences with 64 heads has 16384.
inline prometheus::Histogram::BucketBoundaries RowBuckets() {
  return {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536};
}

inline void ObserveSeconds(prometheus::Histogram& histogram, std::chrono::nanoseconds duration) {
  histogram.Observe(std::chrono::duration<double>(duration).count());
}

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_FAMILIES_H_
