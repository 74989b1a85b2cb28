// Stores: configurations, fingerprints, lists, deletion.
#include <cmath>
#include <functional>
#include <limits>

#include "server/engine/field_error.h"
#include "server/engine/store_config.h"
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;

class StoreTest : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(AllBackends, StoreTest, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(StoreTest, CreatedAgainWithTheSameConfigurationIsTheSame) {
  Append(1, 0, RandomKeys(random_, 70));
  const auto again = engine().CreateStore(SmallConfig());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->sequences, 1);
  EXPECT_EQ(again->positions, 70);
  EXPECT_EQ(again->resident_bytes, 2 * kSmallPageBytes);
  EXPECT_EQ(again->page_bytes, kSmallPageBytes);
  EXPECT_EQ(again->page_positions, 64);
  EXPECT_EQ(again->thresholds.size(), 12u);
}

TEST_P(StoreTest, ADescriptionIsSharedAndOutlivesItsStore) {
  const auto first = *engine().DescribeStore("s");
  EXPECT_EQ(first, *engine().DescribeStore("s"));
  const auto info = engine().GetStore("s");
  ASSERT_TRUE(engine().DeleteStore("s").ok());
  EXPECT_EQ(first->config, SmallConfig());
  EXPECT_EQ(first->thresholds, info->thresholds);
  EXPECT_EQ(first->fingerprint, info->fingerprint);
  EXPECT_EQ(first->page_positions, 64);
  EXPECT_EQ(engine().DescribeStore("s").status().code(), StatusCode::kNotFound);
}

TEST_P(StoreTest, AnotherConfigurationOfTheSameNameExistsAlready) {
  StoreConfig config = SmallConfig();
  config.key_scales[2] = 0.75f;
  EXPECT_EQ(engine().CreateStore(config).status().code(), StatusCode::kAlreadyExists);
}

TEST_P(StoreTest, ListsByNameInPages) {
  for (const char* name : {"b", "a", "t"}) {
    StoreConfig config = SmallConfig();
    config.name = name;
    ASSERT_TRUE(engine().CreateStore(config).ok());
  }
  const auto names = [this](std::string_view after, int limit) {
    std::vector<std::string> found;
    for (const StoreInfo& info : engine().ListStores(after, limit)) {
      found.push_back(info.config.name);
    }
    return found;
  };
  EXPECT_THAT(names("", 10), ElementsAre("a", "b", "s", "t"));
  EXPECT_THAT(names("a", 2), ElementsAre("b", "s"));
  EXPECT_THAT(names("t", 2), ElementsAre());
}

TEST_P(StoreTest, DeletedIsGoneAtOnceAndGivesItsMemoryBack) {
  const int64_t before = test_.free_bytes();
  Append(1, 0, RandomKeys(random_, 200));
  Fork(engine(), 1, 2, 100);
  EXPECT_TRUE(engine().DeleteStore("s").ok());
  EXPECT_EQ(test_.free_bytes(), before);
  EXPECT_EQ(engine().GetStore("s").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(engine().GetSequence("s", 1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Select(1).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Release(engine(), 1).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(engine().DeleteStore("s").code(), StatusCode::kNotFound);
  ASSERT_TRUE(engine().CreateStore(SmallConfig()).ok());
  EXPECT_EQ(engine().GetSequence("s", 1).status().code(), StatusCode::kNotFound);
}

TEST_P(StoreTest, BeyondTheLimitIsRefused) {
  EngineUnderTest test(GetParam(), 1 << 20, SmallConfig(), {.max_stores = 1});
  StoreConfig config = SmallConfig();
  config.name = "second";
  EXPECT_EQ(test.engine->CreateStore(config).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(test.engine->CreateStore(SmallConfig()).ok()) << "the first again";
  EXPECT_TRUE(test.engine->DeleteStore("s").ok());
  EXPECT_TRUE(test.engine->CreateStore(config).ok());
}

TEST_P(StoreTest, PagesBeyondTheLimitAreRefused) {
  StoreConfig config = SmallConfig();
  config.name = "large";
  config.shape = {.layers = 2, .kv_heads = 64, .query_heads = 64, .head_dim = 256, .key_bits = 3};
  config.key_scales.clear();
  EngineUnderTest test(GetParam(), 1 << 20, SmallConfig(), {.max_page_bytes = 1 << 19});
  EXPECT_EQ(test.engine->CreateStore(config).status().code(), StatusCode::kInvalidArgument);
}

struct BadConfig {
  const char* field;
  const char* value;
  std::function<void(StoreConfig&)> spoil;
};

TEST(StoreConfigTest, NamesTheFieldThatIsWrong) {
  const BadConfig cases[] = {
      {"config.name", "", [](auto& c) { c.name = ""; }},
      {"config.name", "a b", [](auto& c) { c.name = "a b"; }},
      {"config.name", "\\xc3\\xa4", [](auto& c) { c.name = "\xc3\xa4"; }},
      {"config.layer_ids", "0", [](auto& c) { c.layer_ids = {}; }},
      {"config.layer_ids[1]", "3",
       [](auto& c) {
         c.layer_ids = {3, 3};
       }},
      {"config.layer_ids[1]", "2",
       [](auto& c) {
         c.layer_ids = {3, 2};
       }},
      {"config.layer_ids[0]", "-1",
       [](auto& c) {
         c.layer_ids = {-1, 2};
       }},
      {"config.layer_ids[1]", "65536",
       [](auto& c) {
         c.layer_ids = {3, 65536};
       }},
      {"config.kv_heads", "0", [](auto& c) { c.shape.kv_heads = 0; }},
      {"config.kv_heads", "257", [](auto& c) { c.shape.kv_heads = 257; }},
      {"config.query_heads", "3", [](auto& c) { c.shape.query_heads = 3; }},
      {"config.query_heads", "1026", [](auto& c) { c.shape.query_heads = 1026; }},
      {"config.head_dim", "0", [](auto& c) { c.shape.head_dim = 0; }},
      {"config.head_dim", "257", [](auto& c) { c.shape.head_dim = 257; }},
      {"config.key_bits", "4", [](auto& c) { c.shape.key_bits = 4; }},
      {"config.key_scales", "3 elements", [](auto& c) { c.key_scales.pop_back(); }},
      {"config.key_scales[1]", "0", [](auto& c) { c.key_scales[1] = 0; }},
      {"config.key_scales[1]", "nan", [](auto& c) { c.key_scales[1] = std::nanf(""); }},
      {"config.key_scales[0]", "inf",
       [](auto& c) { c.key_scales[0] = std::numeric_limits<float>::infinity(); }},
      {"config.device", "1", [](auto& c) { c.device = 1; }},
      {"config.device", "-1", [](auto& c) { c.device = -1; }},
  };
  EXPECT_TRUE(ValidateStoreConfig(SmallConfig(), 1).ok());
  for (const BadConfig& bad : cases) {
    StoreConfig config = SmallConfig();
    bad.spoil(config);
    const absl::Status status = ValidateStoreConfig(config, 1);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << bad.field;
    ASSERT_TRUE(FieldViolationOf(status).has_value()) << status;
    EXPECT_EQ(FieldViolationOf(status)->field, bad.field) << status;
    EXPECT_EQ(FieldViolationOf(status)->value, bad.value) << status;
  }
}

TEST(StoreConfigTest, TheFingerprintCoversWhatDecidesCodes) {
  const StoreConfig config = SmallConfig();
  const uint64_t fingerprint = Fingerprint(config);
  StoreConfig other = config;
  other.name = "t";
  other.shape.query_heads = 8;
  EXPECT_EQ(Fingerprint(other), fingerprint);
  const std::function<void(StoreConfig&)> changes[] = {
      [](auto& c) { c.layer_ids[0] = 4; },    [](auto& c) { c.shape.kv_heads = 4; },
      [](auto& c) { c.shape.head_dim = 63; }, [](auto& c) { c.shape.key_bits = 3; },
      [](auto& c) { c.key_scales[3] = 4; },   [](auto& c) { c.key_scales.clear(); }};
  for (const auto& change : changes) {
    other = config;
    change(other);
    EXPECT_NE(Fingerprint(other), fingerprint);
  }
}

}  // namespace
}  // namespace kvsift
