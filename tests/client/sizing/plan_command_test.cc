// `kvsift plan` as people and scripts use it.
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/run_program.h"
#include "tests/client/sizing/model_configs.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::HasSubstr;

Finished Plan(const std::string& config, const std::string& arguments) {
  const std::string path = testing::TempDir() + "plan_config.json";
  std::ofstream(path) << config;
  return RunProgram(TestedProgram("kvsift") + " plan --model-config " + path + " " + arguments +
                    " 2>&1");
}

TEST(PlanCommand, SaysWhatAModelTakes) {
  const Finished finished = Plan(sizing::kLlama31_8B, "--context 131072 --concurrency 64");
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("llama: 30 of 32 layers stored, 32 query heads on 8 kv"));
  EXPECT_THAT(finished.output, HasSubstr("960.0 MiB for 131072 positions"));
  EXPECT_THAT(finished.output, HasSubstr("60.0 GiB for 64 sequences"));
  EXPECT_THAT(finished.output, HasSubstr("1 with 64.0 GiB each"));
  EXPECT_THAT(finished.output, HasSubstr("1087 us a layer on the device"));
}

TEST(PlanCommand, IsJsonForMachines) {
  const Finished finished =
      Plan(sizing::kLlama31_70B,
           "--context 32768 --concurrency 1000 --memory-per-server 16GiB --bandwidth 1000 "
           "--key-bits 1 --dense-layers 0 --format json");
  ASSERT_EQ(finished.exit_code, 0) << finished.output;
  const nlohmann::json plan = nlohmann::json::parse(finished.output, nullptr, false);
  ASSERT_TRUE(plan.is_object()) << finished.output;
  EXPECT_EQ(plan["position_bytes"], 80 * 8 * 16);
  EXPECT_EQ(plan["supply"]["memory_per_server_bytes"], int64_t{16} << 30);
  EXPECT_EQ(plan["supply"]["bandwidth_bytes_per_s"], 1e12);
  EXPECT_GE(plan["servers"].get<int64_t>() * (int64_t{16} << 30), plan["total_bytes"]);
}

TEST(PlanCommand, TroubleNamesTheFieldOrTheOption) {
  Finished finished = Plan(R"({"num_hidden_layers": 3})", "--context 1 --concurrency 1");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("num_attention_heads: missing"));
  finished = Plan(sizing::kLlama31_8B, "--context 0 --concurrency 1");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.output, HasSubstr("--context"));
  finished = Plan(sizing::kLlama31_8B, "--context 131072 --concurrency 1 --memory-per-server 1MiB");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("--memory-per-server"));
}

}  // namespace
}  // namespace kvsift
