// Levels of appended keys: what is counted, and when a store has drifted from its scales.
#include <memory>
#include <utility>
#include <vector>

#include "kernels/page_memory.h"
#include "kernels/reference/reference_backend.h"
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::testing::Each;
using ::testing::Eq;
using ::testing::Lt;

// The level of dimension `d` of a 2-bit code of SmallConfig's shape.
int LevelAt(const Bytes& keys, int64_t position, int64_t kv_head, int d) {
  const std::byte* code = &keys[position * kSmallKeyBytes + kv_head * 16];
  const auto bit = [&](int plane) {
    return static_cast<int>(code[plane * 8 + d / 8] >> (d % 8)) & 1;
  };
  return bit(0) + 2 * bit(1);
}

// Counts [kv_heads, levels] of those positions of one layer.
std::vector<int64_t> CountsOf(const Bytes& keys, const std::vector<int64_t>& positions) {
  std::vector<int64_t> counts(2 * 4);
  for (const int64_t position : positions) {
    for (int64_t head = 0; head < 2; ++head) {
      for (int d = 0; d < 64; ++d) ++counts[head * 4 + LevelAt(keys, position, head, d)];
    }
  }
  return counts;
}

class LevelTest : public EngineTest {
 protected:
  // Of one layer, by index: [kv_heads, levels].
  std::vector<int64_t> Counted(int layer) {
    const auto counts = engine().GetStore("s")->level_counts;
    EXPECT_EQ(counts.size(), 2u * 2 * 4);
    return {counts.begin() + layer * 8, counts.begin() + (layer + 1) * 8};
  }
};
INSTANTIATE_TEST_SUITE_P(AllBackends, LevelTest, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(LevelTest, OneOfSixtyFourPositionsOfEachLayerCounts) {
  EXPECT_THAT(Counted(0), Each(Eq(0)));
  const Bytes keys = RandomKeys(random_, 160);
  AppendLayer(1, 7, 0, Slice(keys, 0, 31));
  EXPECT_THAT(Counted(1), Each(Eq(0)));
  AppendLayer(1, 7, 31, Slice(keys, 31, 160));
  EXPECT_EQ(Counted(1), CountsOf(keys, {31, 95, 159}));
  EXPECT_THAT(Counted(0), Each(Eq(0)));
}

TEST_P(LevelTest, DecodeStepsCountLikeOneAppend) {
  const Bytes keys = RandomKeys(random_, 100);
  for (int64_t p = 0; p < 100; ++p) AppendLayer(1, 3, p, Slice(keys, p, p + 1));
  EXPECT_EQ(Counted(0), CountsOf(keys, {31, 95}));
}

TEST_P(LevelTest, KeysThatAreThereDoNotCountAgain) {
  const Bytes keys = RandomKeys(random_, 100);
  Append(1, 0, Slice(keys, 0, 70));
  Append(1, 0, Slice(keys, 0, 70));
  EXPECT_EQ(Counted(0), CountsOf(keys, {31}));
  Append(1, 0, keys);
  EXPECT_EQ(Counted(0), CountsOf(keys, {31, 95}));
  EXPECT_EQ(Counted(1), Counted(0));
}

TEST_P(LevelTest, AReplacedTailCountsFromItsFirstDifference) {
  const Bytes old_keys = RandomKeys(random_, 100);
  const Bytes keys = Joined(Slice(old_keys, 0, 90), RandomKeys(random_, 10));
  Append(1, 0, old_keys);
  Append(1, 0, keys, {}, ConflictRule::kReplaceTail);
  std::vector<int64_t> counts = CountsOf(old_keys, {31, 95});
  const std::vector<int64_t> replaced = CountsOf(keys, {95});
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += replaced[i];
  EXPECT_EQ(Counted(0), counts);
}

TEST_P(LevelTest, WhatFailsDoesNotCount) {
  AppendLayer(1, 3, 50, RandomKeys(random_, 100));  // a gap
  EXPECT_THAT(Counted(0), Each(Eq(0)));
}

TEST_P(LevelTest, OfALongAppendAtMostSixteenPositionsCount) {
  const Bytes keys = RandomKeys(random_, 64 * 40);
  AppendLayer(1, 3, 0, keys);
  std::vector<int64_t> positions;
  for (int64_t p = 31; p < 64 * 40; p += 3 * 64) positions.push_back(p);
  EXPECT_EQ(positions.size(), 14u);
  EXPECT_EQ(Counted(0), CountsOf(keys, positions));
}

// Normal keys with a standard deviation of 1, raw, 64 at once, to a store of its own.
class DriftTest : public testing::TestWithParam<int> {
 protected:
  void Start(float key_scale) {
    config_.shape.key_bits = GetParam();
    config_.key_scales.assign(4, key_scale);
    EngineOptions options;
    options.backends.push_back(CreateReferenceBackend(*ReservePageMemory(int64_t{16} << 20)));
    options.on_drift = [this](const StoreDescription& store, const LevelDeviation& where) {
      EXPECT_EQ(store.config, config_);
      heard_.push_back(where);
    };
    engine_ = std::make_unique<Engine>(std::move(options));
    ASSERT_TRUE(engine_->CreateStore(config_).ok());
  }

  // Appends `pages` times 64 positions to a layer: one of each is looked at.
  void Append(int32_t layer, int pages) {
    for (int page = 0; page < pages; ++page) {
      std::vector<float> elements(64 * 2 * 64);
      for (float& element : elements) element = normal_(random_);
      const auto bytes = std::as_bytes(std::span(elements));
      const auto outcome = RunStep(
          *engine_, {.layer_ids = {layer},
                     .entries = {{.id = next_id_++, .keys = {{bytes.begin(), bytes.end()}}}},
                     .raw_keys = ElementType::kFloat32});
      EXPECT_TRUE(outcome.entries[0].status.ok()) << outcome.entries[0].status;
    }
  }

  std::optional<LevelDeviation> Largest() { return engine_->GetStore("s")->deviation; }

  StoreConfig config_ = SmallConfig();
  std::mt19937 random_{5};
  std::normal_distribution<float> normal_;
  uint64_t next_id_ = 1;
  std::vector<LevelDeviation> heard_;
  std::unique_ptr<Engine> engine_;
};
INSTANTIATE_TEST_SUITE_P(KeyBits, DriftTest, testing::Values(1, 2, 3));

TEST_P(DriftTest, NothingIsSaidBeforeThirtyTwoPositions) {
  Start(4.0f);
  Append(7, 31);
  EXPECT_EQ(Largest(), std::nullopt);
  EXPECT_TRUE(heard_.empty());
  Append(7, 1);
  ASSERT_TRUE(Largest().has_value());
  EXPECT_EQ(Largest()->layer_id, 7);
}

TEST_P(DriftTest, KeysThatFitTheirScalesDoNotDeviate) {
  Start(1.0f);
  Append(3, 64);
  EXPECT_THAT(Largest()->deviation, Lt(0.03f));
  EXPECT_TRUE(heard_.empty());
}

TEST_P(DriftTest, ScalesThatAreOffByTwoAreHeardOfOnce) {
  for (const float scale : {0.5f, 2.0f}) {
    heard_.clear();
    Start(scale);
    Append(7, 64);
    Append(3, 64);
    if (GetParam() == 1) {
      EXPECT_TRUE(heard_.empty());  // cut at 0, whatever the scale
      continue;
    }
    ASSERT_EQ(heard_.size(), 1u);
    EXPECT_EQ(heard_[0].layer_id, 7);
    EXPECT_GT(heard_[0].deviation, 0.25f);
    EXPECT_GT(Largest()->deviation, kLevelDeviationLimit);
  }
}

}  // namespace
}  // namespace kvsift
