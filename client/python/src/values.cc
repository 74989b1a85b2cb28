#include "client/python/src/values.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <utility>

#include "client/python/src/names.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

nb::dict ToPython(const client::Device& device) {
  nb::dict out;
  out["name"] = device.name;
  out["description"] = device.description;
  out["number"] = device.number;
  out["sharing"] = SharingName(device.sharing);
  out["budget_bytes"] = device.budget_bytes;
  out["resident_bytes"] = device.resident_bytes;
  out["free_bytes"] = device.free_bytes;
  out["fragmented_bytes"] = device.fragmented_bytes;
  return out;
}

nb::dict ToPython(const client::Limits& limits) {
  nb::dict out;
  out["max_k"] = limits.max_k;
  out["max_answer_bytes"] = limits.max_answer_bytes;
  out["max_message_bytes"] = limits.max_message_bytes;
  out["max_sequence_length"] = limits.max_sequence_length;
  out["max_stores"] = limits.max_stores;
  return out;
}

}  // namespace

nb::dict ToPython(const client::ServerInfo& server) {
  nb::dict out;
  out["version"] = server.version;
  out["incarnation"] = server.incarnation;
  out["backend"] = server.backend;
  out["backend_description"] = server.backend_description;
  nb::list devices;
  for (const client::Device& device : server.devices) devices.append(ToPython(device));
  out["devices"] = devices;
  out["limits"] = ToPython(server.limits);
  return out;
}

nb::dict ToPython(const client::Store& store) {
  const client::StoreConfig& config = store.config;
  const size_t layers = config.layer_ids.size();
  const auto kv_heads = static_cast<size_t>(config.kv_heads);
  nb::dict out;
  out["name"] = config.name;
  out["layer_ids"] = nb::tuple(nb::cast(config.layer_ids));
  out["kv_heads"] = config.kv_heads;
  out["query_heads"] = config.query_heads;
  out["head_dim"] = config.head_dim;
  out["key_bits"] = config.key_bits;
  out["device"] = config.device;
  const bool has_scales = !config.key_scales.empty();
  out["key_scales"] = has_scales ? ToNumpy(config.key_scales, {layers, kv_heads}) : nb::none();
  out["thresholds"] =
      has_scales ? ToNumpy(store.thresholds,
                           {layers, kv_heads, static_cast<size_t>(ThresholdCount(config.key_bits))})
                 : nb::none();
  out["fingerprint"] = store.fingerprint;
  out["sequence_count"] = store.sequences;
  out["resident_bytes"] = store.resident_bytes;
  out["page_bytes"] = store.page_bytes;
  out["page_positions"] = store.page_positions;
  return out;
}

nb::dict ToPython(const client::Sequence& sequence) {
  nb::dict lengths;
  for (const client::LayerLength& layer : sequence.layers) {
    lengths[nb::int_(layer.layer_id)] = layer.length;
  }
  nb::dict out;
  out["id"] = sequence.id;
  out["epoch"] = sequence.epoch;
  out["lengths"] = lengths;
  out["pages"] = sequence.pages;
  return out;
}

nb::dict ToPython(const client::AppendResult& result) {
  nb::dict out;
  out["epochs"] = nb::tuple(nb::cast(result.epochs));
  out["lengths"] = nb::tuple(nb::cast(result.lengths));
  out["errors"] = ToPython(result.errors);
  out["server_incarnation"] = result.server_incarnation;
  return out;
}

nb::object ToPython(const std::optional<client::LevelDeviation>& deviation) {
  if (!deviation.has_value()) return nb::none();
  nb::dict out;
  out["layer_id"] = deviation->layer_id;
  out["kv_head"] = deviation->kv_head;
  out["deviation"] = deviation->deviation;
  out["limit"] = deviation->limit;
  return out;
}

nb::object LevelCounts(const client::Store& store) {
  const client::StoreConfig& config = store.config;
  return ToNumpy(store.level_counts, {config.layer_ids.size(), static_cast<size_t>(config.kv_heads),
                                      static_cast<size_t>(KeyLevels(config.key_bits))});
}

template <typename Element>
nb::object ToNumpy(std::vector<Element> elements, std::initializer_list<size_t> shape) {
  auto owned = std::make_unique<std::vector<Element>>(std::move(elements));
  Element* data = owned->data();
  const nb::capsule owner(owned.release(), [](void* list) noexcept {
    delete static_cast<std::vector<Element>*>(list);
  });
  return nb::cast(nb::ndarray<nb::numpy, Element>(data, shape, owner));
}

template nb::object ToNumpy(std::vector<float>, std::initializer_list<size_t>);
template nb::object ToNumpy(std::vector<int64_t>, std::initializer_list<size_t>);

}  // namespace kvsift::python
