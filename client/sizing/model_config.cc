#include "client/sizing/model_config.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "kernels/format/store_format.h"
#include "nlohmann/json.hpp"

namespace kvsift::sizing {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostHeads = 4096;
constexpr int64_t kMostWidth = 1 << 20;

absl::Status Refused(const std::string& field, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("model config: ", field, ": ", why));
}

// Reads a whole number of 1 to `most`.
absl::StatusOr<int32_t> ReadCount(const Json& config, const std::string& field, int64_t most) {
  const auto found = config.find(field);
  if (found == config.end() || found->is_null()) return Refused(field, "missing");
  if (!found->is_number_integer()) {
    return Refused(field, absl::StrCat(found->dump(), ", expected a whole number"));
  }
  const auto value = found->get<int64_t>();
  if (value < 1 || value > most) {
    return Refused(field, absl::StrCat(value, ", expected 1 to ", most));
  }
  return static_cast<int32_t>(value);
}

bool Has(const Json& config, const std::string& field) {
  const auto found = config.find(field);
  return found != config.end() && !found->is_null();
}

absl::StatusOr<int32_t> ReadHeadDim(const Json& config, int32_t query_heads) {
  if (Has(config, "head_dim")) return ReadCount(config, "head_dim", kMaxHeadDim);
  const absl::StatusOr<int32_t> width = ReadCount(config, "hidden_size", kMostWidth);
  if (!width.ok()) {
    return Refused("head_dim", "missing, and so is hidden_size, which it follows from");
  }
  const int32_t head_dim = *width / query_heads;
  if (*width % query_heads != 0 || head_dim > kMaxHeadDim) {
    return Refused("head_dim", absl::StrCat("missing, and hidden_size ", *width, " over ",
                                            query_heads, " heads is none of 1 to ", kMaxHeadDim));
  }
  return head_dim;
}

// Layers that attend to everything, where the config tells layers apart.
absl::StatusOr<int32_t> CountAttentionLayers(const Json& config, int32_t layers) {
  if (!Has(config, "layer_types")) return layers;
  const Json& types = config["layer_types"];
  if (!types.is_array() || std::ssize(types) != layers) {
    return Refused("layer_types", absl::StrCat("expected a list of ", layers));
  }
  int32_t count = 0;
  for (const Json& type : types) count += type == "full_attention" ? 1 : 0;
  if (count == 0) return Refused("layer_types", "no layer has \"full_attention\"");
  return count;
}

absl::Status ReadHeads(const Json& config, ModelConfig& model) {
  const absl::StatusOr<int32_t> heads = ReadCount(config, "num_attention_heads", kMostHeads);
  if (!heads.ok()) return heads.status();
  model.query_heads = *heads;
  // Older configs leave it out: every query head has keys of its own.
  model.kv_heads = *heads;
  if (Has(config, "num_key_value_heads")) {
    const absl::StatusOr<int32_t> kv = ReadCount(config, "num_key_value_heads", *heads);
    if (!kv.ok()) return kv.status();
    model.kv_heads = *kv;
  }
  if (model.query_heads % model.kv_heads != 0) {
    return Refused("num_key_value_heads", absl::StrCat(model.kv_heads, ", expected a divisor of ",
                                                       model.query_heads, " attention heads"));
  }
  const absl::StatusOr<int32_t> head_dim = ReadHeadDim(config, *heads);
  if (!head_dim.ok()) return head_dim.status();
  model.head_dim = *head_dim;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(const std::string& text) {
  const Json whole = Json::parse(text, nullptr, false);
  if (!whole.is_object()) return absl::InvalidArgumentError("model config: not a JSON object");
  const bool has_parts = Has(whole, "text_config") && whole["text_config"].is_object();
  const Json& config = has_parts ? whole["text_config"] : whole;
  if (Has(config, "kv_lora_rank")) {
    return Refused("kv_lora_rank",
                   "multi-head latent attention keeps no keys per head; not supported");
  }
  ModelConfig model;
  if (Has(whole, "model_type") && whole["model_type"].is_string()) {
    model.name = whole["model_type"].get<std::string>();
  }
  const absl::StatusOr<int32_t> layers = ReadCount(config, "num_hidden_layers", kMostLayers);
  if (!layers.ok()) return layers.status();
  model.layers = *layers;
  const absl::StatusOr<int32_t> attention = CountAttentionLayers(config, *layers);
  if (!attention.ok()) return attention.status();
  model.attention_layers = *attention;
  const absl::Status heads = ReadHeads(config, model);
  if (!heads.ok()) return heads;
  return model;
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return ParseModelConfig(text.str());
}

}  // namespace kvsift::sizing
