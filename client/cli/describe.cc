#include "client/cli/describe.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kvsift::cli {

namespace {

// Null before enough was sampled.
Json ToJson(const std::optional<client::LevelDeviation>& deviation) {
  if (!deviation.has_value()) return nullptr;
  return {{"layer_id", deviation->layer_id},
          {"kv_head", deviation->kv_head},
          {"deviation", deviation->deviation},
          {"limit", deviation->limit}};
}

}  // namespace

Json ToJson(const client::Store& store) {
  const client::StoreConfig& config = store.config;
  return {{"name", config.name},
          {"layer_ids", config.layer_ids},
          {"kv_heads", config.kv_heads},
          {"query_heads", config.query_heads},
          {"head_dim", config.head_dim},
          {"key_bits", config.key_bits},
          {"key_scales", config.key_scales},
          {"device", config.device},
          {"fingerprint", Hex(store.fingerprint)},
          {"sequences", store.sequences},
          {"resident_bytes", store.resident_bytes},
          {"page_bytes", store.page_bytes},
          {"page_positions", store.page_positions},
          {"level_counts", store.level_counts},
          {"level_deviation", ToJson(store.level_deviation)}};
}

Json ToJson(const client::Sequence& sequence) {
  Json lengths = Json::object();
  for (const client::LayerLength& layer : sequence.layers) {
    lengths[absl::StrCat(layer.layer_id)] = layer.length;
  }
  return {{"id", absl::StrCat(sequence.id)},
          {"epoch", absl::StrCat(sequence.epoch)},
          {"pages", sequence.pages},
          {"lengths", lengths}};
}

Json ToJson(const client::ServerInfo& server) {
  Json devices = Json::array();
  for (const client::Device& device : server.devices) {
    devices.push_back({{"index", devices.size()},
                       {"name", device.name},
                       {"description", device.description},
                       {"number", device.number},
                       {"sharing", SharingName(device.sharing)},
                       {"budget_bytes", device.budget_bytes},
                       {"resident_bytes", device.resident_bytes},
                       {"free_bytes", device.free_bytes},
                       {"fragmented_bytes", device.fragmented_bytes}});
  }
  return {{"version", server.version},
          {"incarnation", Hex(server.incarnation)},
          {"backend", server.backend},
          {"backend_description", server.backend_description},
          {"devices", devices},
          {"limits",
           {{"max_k", server.limits.max_k},
            {"max_answer_bytes", server.limits.max_answer_bytes},
            {"max_message_bytes", server.limits.max_message_bytes},
            {"max_sequence_length", server.limits.max_sequence_length},
            {"max_stores", server.limits.max_stores}}}};
}

std::string_view SharingName(client::DeviceSharing sharing) {
  switch (sharing) {
    case client::DeviceSharing::kUnspecified:
      break;
    case client::DeviceSharing::kNotShared:
      return "none";
    case client::DeviceSharing::kTimeSliced:
      return "time-sliced";
    case client::DeviceSharing::kMps:
      return "mps";
  }
  return "unspecified";
}

std::string HumanBytes(int64_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

std::string Hex(uint64_t value) { return absl::StrFormat("%016x", value); }

std::string LayerList(const std::vector<int32_t>& ids) {
  std::string text;
  for (size_t i = 0; i < ids.size();) {
    size_t end = i + 1;
    while (end < ids.size() && ids[end] == ids[end - 1] + 1) ++end;
    if (end - i < 3) end = i + 1;
    absl::StrAppend(&text, text.empty() ? "" : ", ", ids[i]);
    if (end - i >= 3) absl::StrAppend(&text, "-", ids[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace kvsift::cli
