#include "client/sizing/sizing.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/store_format.h"

namespace kvsift::sizing {
namespace {

constexpr int64_t kPagePositions = 64;
constexpr int64_t kFp16Bytes = 2;
constexpr double kUsPerSecond = 1e6;
constexpr double kMostBytes = 1e17;  // of all sequences; their fp16 keys have 16 times as many

StoreShape ShapeOf(const Demand& demand, int32_t layers) {
  StoreShape shape;
  shape.layers = layers;
  shape.kv_heads = demand.model.kv_heads;
  shape.query_heads = demand.model.query_heads;
  shape.head_dim = demand.model.head_dim;
  shape.key_bits = demand.key_bits;
  return shape;
}

// The fewest servers of which the fullest holds no more than `fitting` sequences.
int64_t ServersFor(int64_t sequences, int64_t fitting) {
  int64_t servers = (sequences + fitting - 1) / fitting;
  while (FullestServer(sequences, servers) > fitting) ++servers;
  return servers;
}

void AddTimes(const Demand& demand, const Supply& supply, int64_t layer_key_bytes, Sizing& sizing) {
  const auto bytes = static_cast<double>(sizing.fullest * demand.context * layer_key_bytes);
  sizing.device_us = supply.device_us + bytes / supply.bandwidth * kUsPerSecond;
  sizing.call_us = sizing.device_us + supply.call_us;
  sizing.token_us = sizing.call_us * sizing.selected_layers;
  sizing.move_s = static_cast<double>(sizing.sequence_bytes) / supply.append_bandwidth;
}

// One key and one 4-bit query with its scale for each head go, a list for each kv head comes.
void AddTraffic(const Demand& demand, int64_t layer_key_bytes, Sizing& sizing) {
  const int planes = QueryPlanes(Estimator::kAsymmetricDot, demand.key_bits);
  const auto query_bytes = static_cast<int64_t>(CodeBytes(demand.model.head_dim, planes)) +
                           static_cast<int64_t>(sizeof(float));
  sizing.sent_bytes =
      sizing.selected_layers * (layer_key_bytes + demand.model.query_heads * query_bytes);
  sizing.received_bytes = sizing.selected_layers * demand.model.kv_heads * int64_t{demand.k} *
                          static_cast<int64_t>(sizeof(int32_t));
}

}  // namespace

int64_t FullestServer(int64_t sequences, int64_t servers) {
  const double mean = static_cast<double>(sequences) / static_cast<double>(servers);
  const double spread = std::sqrt(2 * mean * std::log(static_cast<double>(servers)));
  return std::min(sequences, static_cast<int64_t>(std::ceil(mean + spread)));
}

absl::StatusOr<Sizing> Size(const Demand& demand, const Supply& supply) {
  Sizing sizing;
  sizing.selected_layers = demand.model.attention_layers - demand.dense_layers;
  if (sizing.selected_layers < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dense-layers: ", demand.dense_layers, ", and the model has ",
                     demand.model.attention_layers, " layers that attend to the whole context"));
  }
  const StoreShape shape = ShapeOf(demand, sizing.selected_layers);
  const int64_t layer_key_bytes = shape.key_bytes_per_position();
  const int64_t pages = (demand.context + kPagePositions - 1) / kPagePositions;
  sizing.position_bytes = layer_key_bytes * sizing.selected_layers;
  sizing.sequence_bytes = pages * kPagePositions * sizing.position_bytes;
  if (static_cast<double>(sizing.sequence_bytes) * static_cast<double>(demand.concurrency) >
      kMostBytes) {
    return absl::InvalidArgumentError(absl::StrCat("--concurrency: ", demand.concurrency,
                                                   " sequences of ", sizing.sequence_bytes,
                                                   " bytes are more than this can count"));
  }
  sizing.total_bytes = sizing.sequence_bytes * demand.concurrency;
  sizing.fp16_key_bytes = demand.concurrency * demand.context * sizing.selected_layers *
                          demand.model.kv_heads * demand.model.head_dim * kFp16Bytes;
  const int64_t fitting = supply.memory_per_server / sizing.sequence_bytes;
  if (fitting < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--memory-per-server: ", supply.memory_per_server,
                     " bytes, and one sequence has ", sizing.sequence_bytes));
  }
  sizing.servers = ServersFor(demand.concurrency, fitting);
  sizing.fullest = FullestServer(demand.concurrency, sizing.servers);
  sizing.fullest_bytes = sizing.fullest * sizing.sequence_bytes;
  AddTimes(demand, supply, layer_key_bytes, sizing);
  AddTraffic(demand, layer_key_bytes, sizing);
  return sizing;
}

}  // namespace kvsift::sizing
