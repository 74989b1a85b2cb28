// What the config.json of some models says about their attention.
#ifndef KVSIFT_TESTS_CLIENT_SIZING_MODEL_CONFIGS_H_
#define KVSIFT_TESTS_CLIENT_SIZING_MODEL_CONFIGS_H_

namespace kvsift::sizing {

inline constexpr char kLlama31_8B[] = R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
  "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
  "max_position_embeddings": 131072, "torch_dtype": "bfloat16"})";

inline constexpr char kLlama31_70B[] = R"({
  "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80,
  "num_attention_heads": 64, "num_key_value_heads": 8})";

// Says head_dim, which need not be what hidden_size and the heads give.
inline constexpr char kQwen3_8B[] = R"({
  "model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "head_dim": 128,
  "num_attention_heads": 32, "num_key_value_heads": 8, "sliding_window": null})";

inline constexpr char kSmolLm2_135M[] = R"({
  "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30,
  "num_attention_heads": 9, "num_key_value_heads": 3})";

// Every other layer slides, and the decoder is a part.
inline constexpr char kSliding[] = R"({
  "model_type": "of_parts", "vision_config": {"num_hidden_layers": 2},
  "text_config": {"hidden_size": 2880, "num_hidden_layers": 4, "head_dim": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "layer_types":
    ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]}})";

}  // namespace kvsift::sizing

#endif  // KVSIFT_TESTS_CLIENT_SIZING_MODEL_CONFIGS_H_
