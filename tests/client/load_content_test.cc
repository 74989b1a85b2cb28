// What was sent can be made again; vectors have the statistics that they claim.
#include <cmath>
#include <vector>

#include "client/load/content.h"
#include "client/load/synthetic_vectors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

const StoreShape kShape = {.layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 64};

VectorPool MakePool(bool raw = false, uint64_t seed = 1) {
  auto pool = VectorPool::Make({kShape, Estimator::kAsymmetricDot, raw},
                               {SyntheticLayer(kShape, 100, seed)});
  EXPECT_TRUE(pool.ok()) << pool.status();
  return *std::move(pool);
}

std::vector<std::byte> Keys(const VectorPool& pool, const Content& content, int64_t start,
                            int64_t count, int layer = 0) {
  std::vector<std::byte> keys;
  content.CopyKeys(pool, layer, start, count, keys);
  EXPECT_EQ(std::ssize(keys), count * pool.key_bytes());
  return keys;
}

TEST(ContentTest, PiecesAreTheWhole) {
  const VectorPool pool = MakePool();
  Content content(5);
  content.Cut(90, 6);
  content.Cut(150, 7);
  const std::vector<std::byte> whole = Keys(pool, content, 0, 350);
  std::vector<std::byte> pieces;
  for (int64_t start = 0; start < 350; start += 7) content.CopyKeys(pool, 0, start, 7, pieces);
  EXPECT_EQ(pieces, whole);
  for (const int64_t position : {0, 89, 90, 149, 150, 349}) {
    std::vector<std::byte> key;
    pool.CopyKeys(0, content.PoolPosition(pool, 0, position), 1, key);
    EXPECT_EQ(key, Keys(pool, content, position, 1)) << position;
  }
}

TEST(ContentTest, ARollbackKeepsTheHeadAndChangesTheTail) {
  const VectorPool pool = MakePool();
  Content content(5);
  const auto before = Keys(pool, content, 0, 60);
  content.Cut(40, 8);
  const auto after = Keys(pool, content, 0, 60);
  const int64_t head = 40 * pool.key_bytes();
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + head, after.begin()));
  EXPECT_NE(before, after);
  Content again(5);
  again.Cut(40, 8);
  EXPECT_EQ(Keys(pool, again, 0, 60), after);
}

TEST(ContentTest, LayersAndSaltsDiffer) {
  const VectorPool pool = MakePool();
  EXPECT_NE(Keys(pool, Content(5), 0, 10, 0), Keys(pool, Content(5), 0, 10, 1));
  EXPECT_NE(Keys(pool, Content(5), 0, 10), Keys(pool, Content(6), 0, 10));
}

TEST(VectorPoolTest, TheSeedDecidesEverything) {
  const VectorPool pool = MakePool();
  const VectorPool same = MakePool();
  const VectorPool other = MakePool(false, 2);
  EXPECT_EQ(pool.key_scales(), same.key_scales());
  EXPECT_EQ(Keys(pool, Content(1), 0, 100), Keys(same, Content(1), 0, 100));
  EXPECT_NE(Keys(pool, Content(1), 0, 100), Keys(other, Content(1), 0, 100));
}

TEST(VectorPoolTest, RawVectorsAreTheOnesThatCodesWereMadeOf) {
  const VectorPool pool = MakePool(true);
  EXPECT_EQ(pool.type(), ElementType::kFloat16);
  EXPECT_EQ(pool.key_bytes(), 2 * 64 * 2);
  EXPECT_EQ(pool.key_scales(), MakePool().key_scales());
}

// Mean over positions of the product of keys of one head that are `distance` apart.
double Product(const RawLayer& layer, int64_t distance) {
  const auto key = [&layer](int64_t position, int i) {
    return LoadElement(layer.keys.data() + (position * 2 * 64 + i) * 2, ElementType::kFloat16);
  };
  double sum = 0;
  const int64_t positions = std::ssize(layer.keys) / (2 * 64 * 2);
  for (int64_t p = distance; p < positions; ++p) {
    for (int i = 0; i < 64; ++i) sum += key(p, i) * key(p - distance, i);
  }
  return sum / static_cast<double>(64 * (positions - distance));
}

TEST(SyntheticVectorsTest, KeysAreAsLargeAndAsAlikeAsInTheTrace) {
  const RawLayer layer = SyntheticLayer(kShape, 4000, 1);
  const double energy = Product(layer, 0);
  EXPECT_NEAR(std::sqrt(energy), 2.2, 0.5);
  // .42 are common, .58 times .77 the correlation with the key before.
  EXPECT_NEAR(Product(layer, 1) / energy, .42 + .58 * .77, .08);
  EXPECT_NEAR(Product(layer, 64) / energy, .42 + .58 * .34, .12);
}

TEST(SyntheticVectorsTest, HalvesAreRoundedToNearest) {
  const float values[] = {0.0f, 1.0f, -2.5f, 65504.0f, 1e9f, 1.00048828125f, 1e-9f};
  const float expected[] = {0.0f, 1.0f, -2.5f, 65504.0f, 65504.0f, 1.0f, 0.0f};
  const auto bytes = std::as_bytes(std::span(values));
  const auto halves = ToFloat16(ElementType::kFloat32, {bytes.begin(), bytes.end()});
  for (size_t i = 0; i < std::size(values); ++i) {
    EXPECT_EQ(LoadElement(halves.data() + 2 * i, ElementType::kFloat16), expected[i]) << i;
  }
}

}  // namespace
}  // namespace kvsift::load
