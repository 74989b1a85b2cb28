#include "server/rpc/metrics/server_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "server/rpc/metrics/scraped_family.h"

namespace kvsift {
namespace {

// What the stores of one device hold.
struct StoreSums {
  int64_t stores = 0;
  int64_t sequences = 0;
  int64_t positions = 0;
  int64_t drifted_stores = 0;
  double deviation = 0;  // the largest
};

std::vector<StoreSums> SumStores(const Engine& engine, size_t devices) {
  std::vector<StoreSums> sums(devices);
  for (const StoreInfo& store : engine.ListStores("", std::numeric_limits<int>::max())) {
    StoreSums& sum = sums[store.config.device];
    ++sum.stores;
    sum.sequences += store.sequences;
    sum.positions += store.positions;
    if (!store.deviation.has_value()) continue;
    sum.drifted_stores += store.deviation->deviation > kLevelDeviationLimit ? 1 : 0;
    sum.deviation = std::max(sum.deviation, double{store.deviation->deviation});
  }
  return sums;
}

// One value for each element of `devices`, by index.
template <typename Device, typename Value>
prometheus::MetricFamily PerDevice(const char* name, const char* help,
                                   const std::vector<Device>& devices, Value value) {
  auto family = ScrapedFamily(prometheus::MetricType::Gauge, name, help);
  for (size_t i = 0; i < devices.size(); ++i) {
    AddValue(family, static_cast<double>(value(devices[i])), std::to_string(i));
  }
  return family;
}

prometheus::MetricFamily Single(const char* name, const char* help, int64_t value) {
  auto family = ScrapedFamily(prometheus::MetricType::Gauge, name, help);
  AddValue(family, static_cast<double>(value));
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> ServerState::Collect() const {
  const std::vector<ShardInfo> shards = engine_.Shards();
  const std::vector<StoreSums> sums = SumStores(engine_, shards.size());
  const QueueUse queue = engine_.Queue();
  return {
      PerDevice("kvsift_memory_budget_bytes", "Most memory that key codes may take.", shards,
                [](const ShardInfo& shard) { return shard.memory.budget_bytes; }),
      PerDevice("kvsift_memory_resident_bytes", "Memory in pages that sequences hold.", shards,
                [](const ShardInfo& shard) { return shard.memory.resident_bytes; }),
      PerDevice("kvsift_memory_free_bytes", "Budget that no sequence holds.", shards,
                [](const ShardInfo& shard) { return shard.memory.free_bytes; }),
      PerDevice("kvsift_memory_fragmented_bytes",
                "Free memory that only stores of the same page size can have.", shards,
                [](const ShardInfo& shard) { return shard.memory.fragmented_bytes; }),
      PerDevice("kvsift_stores", "Stores.", sums, [](const StoreSums& sum) { return sum.stores; }),
      PerDevice("kvsift_sequences", "Sequences of all stores.", sums,
                [](const StoreSums& sum) { return sum.sequences; }),
      PerDevice("kvsift_positions", "Sum over sequences of the longest layer.", sums,
                [](const StoreSums& sum) { return sum.positions; }),
      PerDevice("kvsift_level_deviation_ratio",
                "Largest deviation of a store's key levels from what its key scales promise.", sums,
                [](const StoreSums& sum) { return sum.deviation; }),
      PerDevice("kvsift_drifted_stores", "Stores whose key levels deviate beyond the limit.", sums,
                [](const StoreSums& sum) { return sum.drifted_stores; }),
      Single("kvsift_queued_requests", "Requests that were admitted and are not answered.",
             queue.requests),
      Single("kvsift_queued_bytes", "Bytes of those requests and of the answers they asked for.",
             queue.bytes),
      Single("kvsift_unread_answer_bytes",
             "Bytes of complete answers that wait until their clients read.", unread_.bytes()),
  };
}

}  // namespace kvsift
