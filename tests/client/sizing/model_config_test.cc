#include "client/sizing/model_config.h"

#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sizing/model_configs.h"

namespace kvsift::sizing {
namespace {

using testing::HasSubstr;

// layers, attention layers, query heads, kv heads, head_dim
std::tuple<int, int, int, int, int> Shape(const std::string& text) {
  const auto model = ParseModelConfig(text);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  return {model->layers, model->attention_layers, model->query_heads, model->kv_heads,
          model->head_dim};
}

TEST(ModelConfig, KnownModelsAreRead) {
  EXPECT_EQ(Shape(kLlama31_8B), std::tuple(32, 32, 32, 8, 128));
  EXPECT_EQ(Shape(kLlama31_70B), std::tuple(80, 80, 64, 8, 128));
  EXPECT_EQ(Shape(kQwen3_8B), std::tuple(36, 36, 32, 8, 128));
  EXPECT_EQ(Shape(kSmolLm2_135M), std::tuple(30, 30, 9, 3, 64));
}

TEST(ModelConfig, OnlyLayersThatAttendToEverythingCount) {
  EXPECT_EQ(Shape(kSliding), std::tuple(4, 2, 64, 8, 64));
}

TEST(ModelConfig, WithoutKvHeadsEveryQueryHeadHasKeys) {
  EXPECT_EQ(Shape(R"({"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16})"),
            std::tuple(24, 24, 16, 16, 64));
}

// Changes one field of Llama's config.
std::string With(const std::string& field, const std::string& value) {
  std::string text = kLlama31_8B;
  const size_t name = text.find('"' + field + '"');
  if (name == std::string::npos) return text.insert(1, '"' + field + "\": " + value + ",");
  const size_t start = text.find(": ", name) + 2;
  return text.replace(start, text.find_first_of(",}", start) - start, value);
}

TEST(ModelConfig, TroubleNamesTheField) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"num_hidden_layers", "null", "missing"},
      {"num_hidden_layers", "0", "expected 1 to"},
      {"num_hidden_layers", "1e3", "expected a whole number"},
      {"num_hidden_layers", "\"32\"", "expected a whole number"},
      {"num_attention_heads", "-4", "expected 1 to"},
      {"num_attention_heads", "99999999999", "expected 1 to"},
      {"num_key_value_heads", "5", "divisor of 32"},
      {"num_key_value_heads", "64", "expected 1 to 32"},
      {"head_dim", "512", "expected 1 to 256"},
      {"layer_types", "[]", "a list of 32"},
      {"kv_lora_rank", "512", "latent attention"},
  };
  for (const auto& [field, value, why] : cases) {
    const absl::Status status = ParseModelConfig(With(field, value)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << field << " " << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(field) + ": "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
  const absl::Status width = ParseModelConfig(With("hidden_size", "null")).status();
  EXPECT_THAT(std::string(width.message()), HasSubstr("head_dim: missing"));
}

TEST(ModelConfig, WhatIsNoConfigIsRefused) {
  for (const char* text : {"", "[]", "{", "3", "\"text\"", "{}", R"({"text_config": {}})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseModelConfig(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsNotFound(ReadModelConfig("/no/such/config.json").status()));
}

}  // namespace
}  // namespace kvsift::sizing
