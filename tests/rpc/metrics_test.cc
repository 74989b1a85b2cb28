// Metrics through the text that Prometheus reads: the names are an interface.
#include "server/rpc/metrics/metrics.h"

#include <gmock/gmock.h>
#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "server/rpc/version.h"
#include "tests/rpc/prometheus_text.h"

namespace kvsift {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::IsEmpty;

class MetricsTest : public testing::Test {
 protected:
  static std::vector<BackendInfo> Devices() {
    return {{.name = "cuda", .description = "GPU \"A\"", .sharing = DeviceSharing::kMps},
            {.name = "cuda", .description = "B", .sharing = DeviceSharing::kTimeSliced},
            {.name = "cuda", .description = "C", .sharing = DeviceSharing::kNotShared}};
  }

  // What a scrape would say now; checked against the conventions.
  PrometheusText Scrape() const {
    PrometheusText text(prometheus::TextSerializer().Serialize(metrics_.collectable()->Collect()));
    EXPECT_THAT(text.problems(), IsEmpty());
    return text;
  }

  Metrics metrics_{Devices()};
};

TEST_F(MetricsTest, EverySeriesIsThereFromTheStart) {
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Count("kvsift_requests_total"), kMethods * 17);
  EXPECT_EQ(text.Sum("kvsift_requests_total"), 0);
  EXPECT_EQ(text.Count("kvsift_request_duration_seconds_count"), 4);
  EXPECT_EQ(text.Count("kvsift_stage_duration_seconds_count"), 3);
  EXPECT_EQ(text.Count("kvsift_entry_errors_total"), 16);
  EXPECT_FALSE(text.Has("kvsift_entry_errors_total{code=\"OK\"}"));
  EXPECT_EQ(text.Count("kvsift_batches_total"), 3 * 2);
  for (const char* name :
       {"kvsift_selections_total", "kvsift_selected_rows_total", "kvsift_keys_scanned_total",
        "kvsift_appended_keys_total", "kvsift_appended_bytes_total"}) {
    EXPECT_EQ(text.Count(name), 3) << name;
    EXPECT_EQ(text.Sum(name), 0) << name;
  }
}

TEST_F(MetricsTest, SaysWhatTheServerIs) {
  const PrometheusText text = Scrape();
  EXPECT_EQ(
      text.Value("kvsift_build_info{backend=\"cuda\",version=\"" + std::string(kVersion) + "\"}"),
      1);
  const std::string info = "kvsift_device_info{description=\"";
  EXPECT_EQ(text.Value(info + "GPU \\\"A\\\"\",device=\"0\",sharing=\"mps\"}"), 1);
  EXPECT_EQ(text.Value(info + "B\",device=\"1\",sharing=\"time_sliced\"}"), 1);
  EXPECT_EQ(text.Value(info + "C\",device=\"2\",sharing=\"not_shared\"}"), 1);
}

TEST_F(MetricsTest, CallsCountByMethodAndCode) {
  metrics_.OnCall(Method::kStep, absl::StatusCode::kOk, microseconds(100), microseconds(30));
  metrics_.OnCall(Method::kStep, absl::StatusCode::kAborted, milliseconds(20), microseconds(5));
  metrics_.OnCall(Method::kGetServer, absl::StatusCode::kOk, milliseconds(1), microseconds(1));
  metrics_.OnCall(Method::kSelect, static_cast<absl::StatusCode>(99), microseconds(1), {});
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Sum("kvsift_requests_total"), 4);
  EXPECT_EQ(text.Value("kvsift_requests_total{code=\"OK\",method=\"Step\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_requests_total{code=\"ABORTED\",method=\"Step\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_requests_total{code=\"OK\",method=\"GetServer\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_requests_total{code=\"UNKNOWN\",method=\"Select\"}"), 1);
  const std::string step = "kvsift_request_duration_seconds_bucket{le=\"";
  EXPECT_EQ(text.Value(step + "5e-05\",method=\"Step\"}"), 0);
  EXPECT_EQ(text.Value(step + "0.0001\",method=\"Step\"}"), 1);  // a bound is in its bucket
  EXPECT_EQ(text.Value(step + "0.01\",method=\"Step\"}"), 1);
  EXPECT_EQ(text.Value(step + "0.02\",method=\"Step\"}"), 2);
  EXPECT_DOUBLE_EQ(text.Value("kvsift_request_duration_seconds_sum{method=\"Step\"}"), 0.0201);
  EXPECT_DOUBLE_EQ(text.Value("kvsift_stage_duration_seconds_sum{stage=\"reply\"}"), 36e-6);
  EXPECT_EQ(text.Value("kvsift_stage_duration_seconds_count{stage=\"reply\"}"), 4);
}

TEST_F(MetricsTest, LatenciesHaveBucketsFromTenMicrosecondsToTenSeconds) {
  metrics_.OnStarted(microseconds(10));
  metrics_.OnStarted(std::chrono::seconds(10));
  metrics_.OnStarted(std::chrono::seconds(11));
  const PrometheusText text = Scrape();
  const std::string queue = "kvsift_stage_duration_seconds_bucket{le=\"";
  EXPECT_EQ(text.Value(queue + "1e-05\",stage=\"queue\"}"), 1);
  EXPECT_EQ(text.Value(queue + "5\",stage=\"queue\"}"), 1);
  EXPECT_EQ(text.Value(queue + "10\",stage=\"queue\"}"), 2);
  EXPECT_EQ(text.Value(queue + "+Inf\",stage=\"queue\"}"), 3);
  EXPECT_EQ(text.Count("kvsift_stage_duration_seconds_bucket"), 3 * 20);
}

TEST_F(MetricsTest, BatchesCountByDevice) {
  metrics_.OnBatch({.shard = 1,
                    .works = 3,
                    .selections = 2,
                    .rows = 64,
                    .keys_scanned = 5000,
                    .keys_written = 7,
                    .key_bytes = 224,
                    .device_time = microseconds(250)});
  metrics_.OnBatch({.shard = 1, .works = 1, .keys_written = 1, .key_bytes = 32});
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Value("kvsift_batches_total{device=\"1\",ok=\"true\"}"), 2);
  EXPECT_EQ(text.Sum("kvsift_batches_total"), 2);
  EXPECT_EQ(text.Value("kvsift_selections_total{device=\"1\"}"), 2);
  EXPECT_EQ(text.Value("kvsift_selections_total{device=\"0\"}"), 0);
  EXPECT_EQ(text.Value("kvsift_selected_rows_total{device=\"1\"}"), 64);
  EXPECT_EQ(text.Value("kvsift_keys_scanned_total{device=\"1\"}"), 5000);
  EXPECT_EQ(text.Value("kvsift_appended_keys_total{device=\"1\"}"), 8);
  EXPECT_EQ(text.Value("kvsift_appended_bytes_total{device=\"1\"}"), 256);
  EXPECT_EQ(text.Value("kvsift_batch_works_count"), 2);
  EXPECT_EQ(text.Value("kvsift_batch_works_sum"), 4);
  EXPECT_EQ(text.Value("kvsift_batch_rows_count"), 1);  // the other did not select
  EXPECT_EQ(text.Value("kvsift_batch_rows_bucket{le=\"64\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_batch_rows_bucket{le=\"16\"}"), 0);
  EXPECT_DOUBLE_EQ(text.Value("kvsift_stage_duration_seconds_sum{stage=\"device\"}"), 250e-6);
}

TEST_F(MetricsTest, AFailedBatchAddsToNoTotal) {
  metrics_.OnBatch({.shard = 2,
                    .works = 1,
                    .selections = 1,
                    .rows = 8,
                    .keys_scanned = 9,
                    .keys_written = 1,
                    .key_bytes = 32,
                    .ok = false});
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Value("kvsift_batches_total{device=\"2\",ok=\"false\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_batches_total{device=\"2\",ok=\"true\"}"), 0);
  EXPECT_EQ(text.Sum("kvsift_selections_total"), 0);
  EXPECT_EQ(text.Sum("kvsift_selected_rows_total"), 0);
  EXPECT_EQ(text.Sum("kvsift_keys_scanned_total"), 0);
  EXPECT_EQ(text.Sum("kvsift_appended_keys_total"), 0);
  EXPECT_EQ(text.Sum("kvsift_appended_bytes_total"), 0);
  EXPECT_EQ(text.Value("kvsift_batch_works_count"), 1);
}

TEST_F(MetricsTest, EntryErrorsCountByReasonAndStreamsWhileTheyAreOpen) {
  metrics_.OnEntryError(absl::StatusCode::kFailedPrecondition);
  metrics_.OnEntryError(absl::StatusCode::kFailedPrecondition);
  metrics_.OnEntryError(absl::StatusCode::kNotFound);
  metrics_.OnStreams(1);
  metrics_.OnStreams(1);
  metrics_.OnStreams(-1);
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Value("kvsift_entry_errors_total{code=\"FAILED_PRECONDITION\"}"), 2);
  EXPECT_EQ(text.Value("kvsift_entry_errors_total{code=\"NOT_FOUND\"}"), 1);
  EXPECT_EQ(text.Sum("kvsift_entry_errors_total"), 3);
  EXPECT_EQ(text.Value("kvsift_open_streams"), 1);
}

TEST_F(MetricsTest, NoEventIsLostBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kEvents = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEvents; ++i) {
        metrics_.OnCall(Method::kStep, absl::StatusCode::kOk, microseconds(i), {});
        metrics_.OnBatch({.shard = t % 2, .works = 1, .keys_written = 3});
      }
    });
  }
  Scrape();  // holds for a scrape in between as well
  for (std::thread& thread : threads) thread.join();
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Value("kvsift_requests_total{code=\"OK\",method=\"Step\"}"), kThreads * kEvents);
  EXPECT_EQ(text.Value("kvsift_request_duration_seconds_count{method=\"Step\"}"),
            kThreads * kEvents);
  EXPECT_EQ(text.Sum("kvsift_appended_keys_total"), kThreads * kEvents * 3);
}

}  // namespace
}  // namespace kvsift
