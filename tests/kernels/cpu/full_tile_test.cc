// Whole tiles are what keys written one by one make.
#include "kernels/cpu/full_tile.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/cpu/forced_target.h"

namespace kvsift {
namespace {

constexpr std::byte kUntouched{0xA5};

// Memory of a tile, with some behind it that is not part of it.
struct alignas(64) TileMemory {
  std::byte bytes[4 * kTilePositions * 24 + 64];
};

std::vector<std::byte> RandomBytes(Random& random, int64_t bytes) {
  std::vector<std::byte> out(static_cast<size_t>(bytes));
  for (std::byte& b : out) b = static_cast<std::byte>(Below(random, 256));
  return out;
}

class FullTileTest : public ForcedTargetTest {
 protected:
  // Keys `gap` bytes apart. The last one ends where the allocation does.
  static void Check(Random& random, const TileShape& shape, int64_t gap) {
    const int64_t code_bytes = int64_t{4} * shape.words();
    const int64_t stride = code_bytes + gap;
    const auto codes = RandomBytes(random, (kTilePositions - 1) * stride + code_bytes);
    TileMemory want;
    TileMemory got;
    std::fill(std::begin(want.bytes), std::end(want.bytes), kUntouched);
    got = want;
    for (int i = 0; i < kTilePositions; ++i) {
      WriteTile(shape, want.bytes, i, 1, codes.data() + i * stride, stride);
    }
    WriteFullTile(shape, got.bytes, codes.data(), stride);
    for (size_t i = 0; i < sizeof want.bytes; ++i) {
      ASSERT_EQ(got.bytes[i], want.bytes[i]) << shape.plane_words << " words of " << shape.planes
                                             << " planes, gap " << gap << ", byte " << i;
    }
  }
};

TEST_P(FullTileTest, EqualsKeysWrittenOneByOne) {
  Random random(1);
  for (const int plane_words : {1, 2, 4, 8}) {
    for (const int planes : {1, 2, 3}) {
      for (const int64_t gap : {0, 1, 4, 28, 32, 224}) {
        Check(random, {.plane_words = plane_words, .planes = planes}, gap);
      }
    }
  }
}

TEST_P(FullTileTest, IsWhatWriteTileWritesOfSixteenKeys) {
  Random random(2);
  const TileShape shape{.plane_words = 4, .planes = 3};
  const int64_t stride = int64_t{4} * shape.words();
  const auto codes = RandomBytes(random, kTilePositions * stride);
  TileMemory tile;
  WriteTile(shape, tile.bytes, 0, kTilePositions, codes.data(), stride);
  std::vector<std::byte> read(codes.size());
  ReadTile(shape, tile.bytes, 0, kTilePositions, read.data(), stride);
  EXPECT_EQ(read, codes);
}

INSTANTIATE_TEST_SUITE_P(Targets, FullTileTest, testing::ValuesIn(AvailableTargets()), TargetName);

}  // namespace
}  // namespace kvsift
