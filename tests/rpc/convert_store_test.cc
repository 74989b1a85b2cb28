#include "server/rpc/convert_store.h"

#include <gmock/gmock.h>

#include <limits>

namespace kvsift {
namespace {

TEST(PageTokens, LeadBackToWhereTheyCameFrom) {
  EXPECT_EQ(*ConvertStorePageToken(StorePageToken("model/rank-0")), "model/rank-0");
  EXPECT_EQ(*ConvertStorePageToken(""), "");
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(*ConvertSequencePageToken(SequencePageToken(kLast)), kLast);
  EXPECT_EQ(*ConvertSequencePageToken(SequencePageToken(0)), 0u);
  EXPECT_EQ(*ConvertSequencePageToken(""), std::nullopt);
}

TEST(PageTokens, TokensThatNoServerMadeAreRefused) {
  for (const char* token : {"7", "sequence:", "sequence:-1", "sequence: 1", "sequence:01",
                            "sequence:18446744073709551616", "store:a"}) {
    EXPECT_EQ(ConvertSequencePageToken(token).status().code(), absl::StatusCode::kInvalidArgument)
        << token;
  }
  for (const char* token : {"a", "store:", "store:a b", "sequence:1"}) {
    EXPECT_EQ(ConvertStorePageToken(token).status().code(), absl::StatusCode::kInvalidArgument)
        << token;
  }
}

TEST(ConvertStoreConfig, WhatAStoreHasComesBack) {
  v1::StoreConfig config;
  config.set_name("a/b.c_d-E");
  config.add_layer_ids(0);
  config.add_layer_ids(65535);
  config.set_kv_heads(1);
  config.set_query_heads(3);
  config.set_head_dim(1);
  config.set_key_bits(3);
  config.add_key_scales(0x1p-60f);
  config.add_key_scales(0x1p40f);
  StoreInfo info;
  info.config = ConvertStoreConfig(config);
  info.thresholds = {1.5f};
  info.fingerprint = 7;
  info.level_counts = {1, 2, 3};
  info.deviation = {.layer_id = 65535, .kv_head = 0, .deviation = 0.25f};
  v1::Store store;
  FillStore(info, store);
  EXPECT_EQ(store.config().SerializeAsString(), config.SerializeAsString());
  EXPECT_EQ(store.thresholds(0), 1.5f);
  EXPECT_EQ(store.fingerprint(), 7u);
  EXPECT_THAT(store.level_counts(), testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(store.level_deviation().layer_id(), 65535);
  EXPECT_EQ(store.level_deviation().deviation(), 0.25f);
  EXPECT_EQ(store.level_deviation().limit(), 0.15f);
}

}  // namespace
}  // namespace kvsift
