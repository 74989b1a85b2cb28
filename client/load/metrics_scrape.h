// What the server's Prometheus endpoint says of the batches that it made meanwhile.
#ifndef KVSIFT_CLIENT_LOAD_METRICS_SCRAPE_H_
#define KVSIFT_CLIENT_LOAD_METRICS_SCRAPE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kvsift::load {

// Means and quantiles between two scrapes.
struct BatchMetrics {
  double works = 0;  // works that met in one batch
  double rows = 0;
  double batches_per_s = 0;
  double queue_p50_us = 0;  // of the time that work waited for its batch
  double queue_p99_us = 0;
  double device_p50_us = 0;  // of the time that a batch took
};

// A histogram in the text format.
struct ScrapedHistogram {
  std::map<double, double> buckets = {};  // cumulative counts by upper bound; the last is infinite
  double sum = 0;
  double count = 0;

  ScrapedHistogram operator-(const ScrapedHistogram& before) const;

  double Mean() const { return count > 0 ? sum / count : 0; }

  // Interpolated inside the bucket, as Prometheus does. REQUIRES: 0 <= share <= 1.
  double Quantile(double share) const;
};

// Sum over all series of histogram `name` whose labels contain `label` (such as stage="queue").
ScrapedHistogram FindHistogram(const std::string& text, const std::string& name,
                               const std::string& label);

// The body that a GET of http://address/metrics gives. Errors: UNAVAILABLE.
absl::StatusOr<std::string> FetchMetrics(const std::string& address, absl::Duration timeout);

// Thread-compatible.
class MetricsScrape {
 public:
  // `address` is host:port, or empty: then nothing is ever known.
  explicit MetricsScrape(std::string address) : address_(std::move(address)) {}

  // What happened since the last call; nothing on the first one and where the endpoint is silent.
  std::optional<BatchMetrics> Take();

 private:
  struct Reading {
    absl::Time time;
    ScrapedHistogram works;
    ScrapedHistogram rows;
    ScrapedHistogram queue;   // seconds
    ScrapedHistogram device;  // seconds
  };

  const std::string address_;
  std::optional<Reading> last_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_METRICS_SCRAPE_H_
