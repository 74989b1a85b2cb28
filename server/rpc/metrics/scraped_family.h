// Families whose values are asked for when somebody looks.
#ifndef KVSIFT_SERVER_RPC_METRICS_SCRAPED_FAMILY_H_
#define KVSIFT_SERVER_RPC_METRICS_SCRAPED_FAMILY_H_

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>

namespace kvsift {

// A gauge or counter without values yet.
inline prometheus::MetricFamily ScrapedFamily(prometheus::MetricType type, std::string name,
                                              std::string help) {
  prometheus::MetricFamily family;
  family.type = type;
  family.name = std::move(name);
  family.help = std::move(help);
  return family;
}

// Adds the value of one device; without a device, the only value.
inline void AddValue(prometheus::MetricFamily& family, double value, std::string device = {}) {
  prometheus::ClientMetric metric;
  if (!device.empty()) metric.label.push_back({.name = "device", .value = std::move(device)});
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_SCRAPED_FAMILY_H_
