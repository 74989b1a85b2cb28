#include "client/sizing/sizing.h"

#include <algorithm>
#include <string>
#include <vector>

#include "client/pool/rendezvous.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sizing/model_configs.h"

namespace kvsift::sizing {
namespace {

Demand DemandOf(const char* config, int64_t context, int64_t concurrency) {
  Demand demand;
  demand.model = *ParseModelConfig(config);
  demand.context = context;
  demand.concurrency = concurrency;
  return demand;
}

// 30 layers x 8 kv heads x 32 bytes = 7680 bytes a position; x 131072 = 960 MiB; x 64 = 60 GiB.
TEST(Sizing, Llama8BAtItsFullContext) {
  const auto sizing = Size(DemandOf(kLlama31_8B, 131072, 64), {});
  ASSERT_TRUE(sizing.ok()) << sizing.status();
  EXPECT_EQ(sizing->selected_layers, 30);
  EXPECT_EQ(sizing->position_bytes, 7680);
  EXPECT_EQ(sizing->sequence_bytes, int64_t{960} << 20);
  EXPECT_EQ(sizing->total_bytes, int64_t{60} << 30);
  EXPECT_EQ(sizing->fp16_key_bytes, int64_t{480} << 30);
  EXPECT_EQ(sizing->servers, 1);
  EXPECT_EQ(sizing->fullest, 64);
  // 64 sequences x 8 kv heads x 131072 x 32 bytes = 2 GiB at 2 TB/s, and 13 us.
  EXPECT_NEAR(sizing->device_us, 13 + 1073.7, 0.1);
  EXPECT_NEAR(sizing->token_us, 30 * (13 + 1073.7 + 103), 10);
  // A layer: 8 keys of 32 bytes, 32 queries of 64 and a scale; 8 lists of 256.
  EXPECT_EQ(sizing->sent_bytes, 30 * (8 * 32 + 32 * 68));
  EXPECT_EQ(sizing->received_bytes, 30 * 8 * 256 * 4);
  EXPECT_NEAR(sizing->move_s, 0.3146, 0.001);
}

TEST(Sizing, PagesAreWhole) {
  EXPECT_EQ(Size(DemandOf(kSmolLm2_135M, 65, 1), {})->sequence_bytes,
            128 * Size(DemandOf(kSmolLm2_135M, 65, 1), {})->position_bytes);
}

TEST(Sizing, BitsAndDenseLayersCount) {
  Demand demand = DemandOf(kQwen3_8B, 64, 1);
  demand.key_bits = 1;
  demand.dense_layers = 0;
  EXPECT_EQ(Size(demand, {})->position_bytes, 36 * 8 * 16);
  demand.key_bits = 3;
  demand.dense_layers = 35;
  EXPECT_EQ(Size(demand, {})->position_bytes, 8 * 48);
}

TEST(Sizing, ServersHaveRoomForTheFullestOfThem) {
  Supply supply;
  supply.memory_per_server = int64_t{16} << 30;  // 17 sequences
  const auto sizing = Size(DemandOf(kLlama31_8B, 131072, 64), supply);
  ASSERT_TRUE(sizing.ok()) << sizing.status();
  EXPECT_GT(sizing->servers, 4);  // which would do if they were filled evenly
  EXPECT_LE(sizing->fullest, 17);
  EXPECT_LE(sizing->fullest_bytes, supply.memory_per_server);
}

// The formula against rendezvous hashing itself.
TEST(Sizing, TheFullestServerIsAboutAsFullAsHashingMakesIt) {
  for (const int servers : {2, 8, 30}) {
    std::vector<uint64_t> hashes;
    for (int i = 0; i < servers; ++i) {
      hashes.push_back(client::MemberHash("10.1.0." + std::to_string(i) + ":7600"));
    }
    constexpr int kSequences = 3000;
    constexpr int kTrials = 20;
    double sum = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<int> shares(servers, 0);
      for (int i = 0; i < kSequences; ++i) {
        ++shares[client::HeaviestMember(trial * 1'000'000 + i, hashes)];
      }
      sum += *std::max_element(shares.begin(), shares.end());
    }
    const auto expected = static_cast<double>(FullestServer(kSequences, servers));
    EXPECT_LT(sum / kTrials, expected) << servers;
    EXPECT_GT(sum / kTrials, 0.85 * expected) << servers;
  }
}

TEST(Sizing, WhatCannotBeIsRefused) {
  Demand demand = DemandOf(kLlama31_8B, 131072, 64);
  demand.dense_layers = 32;
  EXPECT_TRUE(absl::IsInvalidArgument(Size(demand, {}).status()));
  Supply supply;
  supply.memory_per_server = int64_t{900} << 20;
  demand.dense_layers = 2;
  EXPECT_TRUE(absl::IsInvalidArgument(Size(demand, supply).status()));
  demand.concurrency = int64_t{1} << 40;
  EXPECT_TRUE(absl::IsInvalidArgument(Size(demand, {}).status()));
}

}  // namespace
}  // namespace kvsift::sizing
