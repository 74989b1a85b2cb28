#include "server/rpc/metrics/batch_metrics.h"

#include <cassert>
#include <string>

#include "server/rpc/metrics/families.h"

namespace kvsift {

BatchMetrics::BatchMetrics(prometheus::Registry& registry, size_t devices)
    : works_(AddHistograms(registry, "kvsift_batch_works",
                           "Entries of steps, and other mutations, that shared a batch.")
                 .Add({}, WorkBuckets())),
      rows_(AddHistograms(registry, "kvsift_batch_rows", "Answer rows of a batch that has any.")
                .Add({}, RowBuckets())) {
  auto& batches = AddCounters(registry, "kvsift_batches_total",
                              "Batches that a device has ended. Those that failed count in no "
                              "total of selections, rows and keys.");
  auto& selections =
      AddCounters(registry, "kvsift_selections_total", "Entries that a device has selected for.");
  auto& rows = AddCounters(registry, "kvsift_selected_rows_total", "Rows of their answers.");
  auto& scanned = AddCounters(registry, "kvsift_keys_scanned_total",
                              "Keys scored: visible positions of each query token times kv heads.");
  auto& keys = AddCounters(registry, "kvsift_appended_keys_total",
                           "Keys stored: positions times layers times kv heads. Keys that are "
                           "sent again and were stored before do not count.");
  auto& bytes = AddCounters(registry, "kvsift_appended_bytes_total",
                            "Bytes of those keys as they came over the wire.");
  for (size_t i = 0; i < devices; ++i) {
    const std::string device = std::to_string(i);
    const prometheus::Labels labels = {{"device", device}};
    devices_.push_back({.done = batches.Add({{"device", device}, {"ok", "true"}}),
                        .failed = batches.Add({{"device", device}, {"ok", "false"}}),
                        .selections = selections.Add(labels),
                        .rows = rows.Add(labels),
                        .keys_scanned = scanned.Add(labels),
                        .appended_keys = keys.Add(labels),
                        .appended_bytes = bytes.Add(labels)});
  }
}

void BatchMetrics::Count(const BatchReport& report) {
  assert(report.shard >= 0 && static_cast<size_t>(report.shard) < devices_.size());
  const Device& device = devices_[report.shard];
  works_.Observe(static_cast<double>(report.works));
  if (report.rows > 0) rows_.Observe(static_cast<double>(report.rows));
  if (!report.ok) {
    device.failed.Increment();
    return;
  }
  device.done.Increment();
  device.selections.Increment(static_cast<double>(report.selections));
  device.rows.Increment(static_cast<double>(report.rows));
  device.keys_scanned.Increment(static_cast<double>(report.keys_scanned));
  device.appended_keys.Increment(static_cast<double>(report.keys_written));
  device.appended_bytes.Increment(static_cast<double>(report.key_bytes));
}

}  // namespace kvsift
