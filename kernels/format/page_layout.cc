#include "kernels/format/page_layout.h"

#include <cassert>

namespace kvsift {

// Tiles of one kv head lie end to end, because a selection reads them in that order. A tile of
// the smallest code (one plane of 32 dimensions) has 64 bytes, so everything is 64-byte aligned.
PageLayout MakePageLayout(const StoreShape& shape, int positions) {
  assert(positions > 0 && positions % kTilePositions == 0);
  PageRegion codes;
  codes.positions_per_unit = kTilePositions;
  codes.unit_bytes = kTilePositions * CodeBytes(shape.head_dim, shape.key_bits);
  codes.head_stride = positions / kTilePositions * codes.unit_bytes;
  codes.layer_stride = shape.kv_heads * codes.head_stride;
  return PageLayout{
      .positions = positions, .codes = codes, .page_bytes = shape.layers * codes.layer_stride};
}

}  // namespace kvsift
