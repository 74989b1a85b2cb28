#include <cstdint>
#include <set>

#include "gtest/gtest.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/page_layout.h"

namespace kvsift {
namespace {

TEST(CodeShapeTest, SizesFollowThePaddedDim) {
  EXPECT_EQ(PaddedDim(1), 32);
  EXPECT_EQ(PaddedDim(32), 32);
  EXPECT_EQ(PaddedDim(33), 64);
  EXPECT_EQ(PaddedDim(96), 128);
  EXPECT_EQ(PaddedDim(256), 256);
  EXPECT_EQ(CodeBytes(96, 2), 32);
  EXPECT_EQ(CodeBytes(256, 3), 96);
  EXPECT_EQ(CodeBytes(64, kFineQueryBits), 32);
}

TEST(CodeShapeTest, LevelsAreTheOddIntegersAroundZero) {
  EXPECT_EQ(Level(0, 1), -1);
  EXPECT_EQ(Level(1, 1), 1);
  EXPECT_EQ(Level(0, 2), -3);
  EXPECT_EQ(Level(2, 2), 1);
  EXPECT_EQ(Level(7, 3), 7);
}

TEST(PageLayoutTest, RegionsLieByLayerThenHeadThenTile) {
  const StoreShape shape{
      .layers = 3, .kv_heads = 2, .query_heads = 8, .head_dim = 128, .key_bits = 2};
  const PageLayout layout = MakePageLayout(shape, 64);
  EXPECT_EQ(layout.codes.unit_bytes, 512);
  EXPECT_EQ(layout.codes.head_stride, 2048);
  EXPECT_EQ(layout.codes.layer_stride, 4096);
  EXPECT_EQ(layout.page_bytes, 12288);
  EXPECT_EQ(layout.codes.UnitOffset(0, 0, 15), 0);
  EXPECT_EQ(layout.codes.UnitOffset(0, 0, 16), 512);
  EXPECT_EQ(layout.codes.UnitOffset(2, 1, 17), 10752);
}

TEST(PageLayoutTest, PagesAreRoundedUp) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = 32, .key_bits = 1};
  const PageLayout layout = MakePageLayout(shape, 64);
  EXPECT_EQ(layout.PagesFor(0), 0);
  EXPECT_EQ(layout.PagesFor(1), 1);
  EXPECT_EQ(layout.PagesFor(64), 1);
  EXPECT_EQ(layout.PagesFor(65), 2);
}

TEST(PageLayoutTest, UnitsOfEveryShapeAreAlignedDisjointAndFillThePage) {
  for (const int head_dim : {1, 32, 80, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      const StoreShape shape{
          .layers = 2, .kv_heads = 3, .query_heads = 3, .head_dim = head_dim, .key_bits = bits};
      const PageLayout layout = MakePageLayout(shape, 48);
      EXPECT_EQ(layout.page_bytes % 64, 0);
      EXPECT_EQ(layout.page_bytes, 2 * 48 * shape.key_bytes_per_position());
      std::set<int64_t> offsets;
      for (int layer = 0; layer < 2; ++layer) {
        for (int kv_head = 0; kv_head < 3; ++kv_head) {
          for (const int position : {0, 16, 32}) {
            offsets.insert(layout.codes.UnitOffset(layer, kv_head, position));
          }
        }
      }
      EXPECT_EQ(offsets.size(), 18u);
      for (const int64_t offset : offsets) EXPECT_EQ(offset % layout.codes.unit_bytes, 0);
      EXPECT_EQ(*offsets.rbegin() + layout.codes.unit_bytes, layout.page_bytes);
    }
  }
}

}  // namespace
}  // namespace kvsift
