#include "kernels/cpu/full_tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/full_tile.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/full_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

void WriteFullTileForTarget(const TileShape& shape, uint32_t* tile, const std::byte* codes,
                            int64_t stride) {
  WriteWholeTile(shape, tile, codes, stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(WriteFullTileForTarget);

void WriteFullTile(const TileShape& shape, std::byte* tile, const std::byte* codes,
                   int64_t stride) {
  HWY_DYNAMIC_DISPATCH(WriteFullTileForTarget)
  (shape, reinterpret_cast<uint32_t*>(tile), codes, stride);
}

void FlushFullTiles() { hwy::FlushStream(); }

}  // namespace kvsift
#endif  // HWY_ONCE
