// The attention shape of a model, from its Hugging Face config.json.
#ifndef KVSIFT_CLIENT_SIZING_MODEL_CONFIG_H_
#define KVSIFT_CLIENT_SIZING_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace kvsift::sizing {

struct ModelConfig {
  std::string name;              // its model_type
  int32_t layers = 0;            // all of the decoder
  int32_t attention_layers = 0;  // those that attend to the whole context: not sliding, not linear
  int32_t query_heads = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;
};

// Reads the file's text. The decoder of a model of several parts is its "text_config".
// Errors: INVALID_ARGUMENT, naming the field: what is no JSON, misses a field or has one out of
// range, or keeps no keys per head ("kv_lora_rank": multi-head latent attention).
absl::StatusOr<ModelConfig> ParseModelConfig(const std::string& text);

// Errors: also NOT_FOUND.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& path);

}  // namespace kvsift::sizing

#endif  // KVSIFT_CLIENT_SIZING_MODEL_CONFIG_H_
