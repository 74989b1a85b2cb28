// Whole tiles of key codes, written with vector instructions.
#ifndef KVSIFT_KERNELS_CPU_FULL_TILE_H_
#define KVSIFT_KERNELS_CPU_FULL_TILE_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/tile_codes.h"

namespace kvsift {

// Writes wire codes of kTilePositions keys, each `stride` bytes after the one before, to a tile
// that is aligned to 64 bytes: what WriteTile writes key by key. Past the caches, as keys come in
// larger amounts than those hold and memory need not be read before it is overwritten:
// FlushFullTiles must follow before another thread reads the tile.
// REQUIRES: CheckCpuBackend() is OK.
void WriteFullTile(const TileShape& shape, std::byte* tile, const std::byte* codes, int64_t stride);

// Orders the writes of whole tiles by this thread before what it writes next.
void FlushFullTiles();

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_FULL_TILE_H_
