#include "kernels/cpu/tile_codes.h"

#include <cstring>

#include "kernels/cpu/full_tile.h"

namespace kvsift {
namespace {

// Page memory and wire codes are bytes to the rest of the program: words go through memcpy.
uint32_t LoadWord(const std::byte* bytes, int word) {
  uint32_t value;
  std::memcpy(&value, bytes + 4 * word, sizeof value);
  return value;
}

void StoreWord(std::byte* bytes, int word, uint32_t value) {
  std::memcpy(bytes + 4 * word, &value, sizeof value);
}

void WriteKey(const TileShape& shape, std::byte* lane, const std::byte* code) {
  const int words = shape.plane_words;
  if (shape.planes >= 2) {
    for (int v = 0; v < words; ++v) {
      const uint32_t low = LoadWord(code, v);
      const uint32_t high = LoadWord(code, words + v);
      StoreWord(lane, kTilePositions * (2 * v), EvenPairs(low, high));
      StoreWord(lane, kTilePositions * (2 * v + 1), OddPairs(low, high));
    }
  }
  for (int v = 0; v < shape.single_words(); ++v) {
    StoreWord(lane, kTilePositions * (shape.pair_words() + v),
              LoadWord(code, shape.pair_words() + v));
  }
}

void ReadKey(const TileShape& shape, const std::byte* lane, std::byte* code) {
  const int words = shape.plane_words;
  if (shape.planes >= 2) {
    for (int v = 0; v < words; ++v) {
      const uint32_t even = LoadWord(lane, kTilePositions * (2 * v));
      const uint32_t odd = LoadWord(lane, kTilePositions * (2 * v + 1));
      StoreWord(code, v, (even & kEvenBits) | ((odd & kEvenBits) << 1));
      StoreWord(code, words + v, ((even >> 1) & kEvenBits) | (odd & ~kEvenBits));
    }
  }
  for (int v = 0; v < shape.single_words(); ++v) {
    StoreWord(code, shape.pair_words() + v,
              LoadWord(lane, kTilePositions * (shape.pair_words() + v)));
  }
}

}  // namespace

void WriteTile(const TileShape& shape, std::byte* tile, int first, int count,
               const std::byte* codes, int64_t stride) {
  if (count == kTilePositions) return WriteFullTile(shape, tile, codes, stride);
  for (int i = 0; i < count; ++i) WriteKey(shape, tile + 4 * (first + i), codes + i * stride);
}

void ReadTile(const TileShape& shape, const std::byte* tile, int first, int count, std::byte* codes,
              int64_t stride) {
  for (int i = 0; i < count; ++i) ReadKey(shape, tile + 4 * (first + i), codes + i * stride);
}

}  // namespace kvsift
