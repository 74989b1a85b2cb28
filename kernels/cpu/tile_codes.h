// How key codes lie inside a tile of the CPU backend, and the way there and back.
//
// A tile is an array of 32-bit words [words][16]: lane l belongs to key l, so that one vector
// register holds one word of 16 keys and no sum ever crosses lanes. With wire planes L (bit 0),
// H (bit 1) and T (the last plane where the number of planes is odd), word v of a plane becomes
//
//   pair words (2 and 3 planes), first in the tile, [2 * D/32]:
//     word 2v      field m (bits 2m, 2m + 1) = code of dimension 32v + 2m,     low two bits
//     word 2v + 1  field m                   = code of dimension 32v + 2m + 1, low two bits
//   single words (1 and 3 planes), after them, [D/32]:
//     word v       bit i = plane T of dimension 32v + i, as on the wire
//
// So pairing takes a few masks and no bit is moved far, and byte b of a pair word holds four
// whole codes, which the scoring loops use in place.
#ifndef KVSIFT_KERNELS_CPU_TILE_CODES_H_
#define KVSIFT_KERNELS_CPU_TILE_CODES_H_

#include <cstddef>
#include <cstdint>

#include "kernels/format/code_shape.h"
#include "kernels/format/page_layout.h"

namespace kvsift {

// Masks of even bits, and the pair words of one word of the two low planes.
inline constexpr uint32_t kEvenBits = 0x55555555u;
constexpr uint32_t EvenPairs(uint32_t low, uint32_t high) {
  return (low & kEvenBits) | ((high & kEvenBits) << 1);
}
constexpr uint32_t OddPairs(uint32_t low, uint32_t high) {
  return ((low >> 1) & kEvenBits) | (high & ~kEvenBits);
}

// Planes of a key code in a store of head_dim and key_bits.
struct TileShape {
  int plane_words = 0;  // D / 32
  int planes = 0;       // 1 .. 3

  int pair_words() const { return planes >= 2 ? 2 * plane_words : 0; }
  int single_words() const { return planes % 2 == 1 ? plane_words : 0; }
  int words() const { return planes * plane_words; }
  int64_t tile_bytes() const { return int64_t{4} * kTilePositions * words(); }
};

// Writes wire codes of `count` keys, each `stride` bytes after the one before, to lanes
// [first, first + count) of a tile. After whole tiles, FlushFullTiles must follow (full_tile.h).
// REQUIRES: first + count <= kTilePositions; the tile is aligned to 64 bytes.
void WriteTile(const TileShape& shape, std::byte* tile, int first, int count,
               const std::byte* codes, int64_t stride);

// Inverse of WriteTile.
void ReadTile(const TileShape& shape, const std::byte* tile, int first, int count, std::byte* codes,
              int64_t stride);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_TILE_CODES_H_
