// Where things lie inside a page.
//
// A page holds a fixed number of positions of every layer and kv head of a store. It is divided
// into named regions; a region is an array [layers, kv_heads, units], where a unit covers
// `positions_per_unit` positions and has `unit_bytes` bytes. Today there is one region: the key
// codes, whose unit is a tile of 16 keys. Inside a tile each backend orders bits as its scoring
// loop wants them; nothing outside that backend looks there (Backend reads codes back in wire
// order).
#ifndef KVSIFT_KERNELS_FORMAT_PAGE_LAYOUT_H_
#define KVSIFT_KERNELS_FORMAT_PAGE_LAYOUT_H_

#include <cstdint>

#include "kernels/format/store_format.h"

namespace kvsift {

inline constexpr int kTilePositions = 16;

// An array [layers, kv_heads, units] inside a page.
struct PageRegion {
  int64_t offset = 0;  // bytes from the start of the page
  int positions_per_unit = 1;
  int64_t unit_bytes = 0;
  int64_t head_stride = 0;   // bytes from one kv head to the next
  int64_t layer_stride = 0;  // bytes from one layer to the next

  // Offset in the page of the unit that covers `position_in_page`.
  int64_t UnitOffset(int layer, int kv_head, int position_in_page) const {
    return offset + layer * layer_stride + kv_head * head_stride +
           position_in_page / positions_per_unit * unit_bytes;
  }
};

struct PageLayout {
  int positions = 0;  // per page; a multiple of kTilePositions
  PageRegion codes;
  int64_t page_bytes = 0;  // a multiple of 64

  // Pages that `length` positions need.
  int64_t PagesFor(int64_t length) const { return (length + positions - 1) / positions; }
};

// Layout of pages of `positions` positions. Page size depends on the shape alone, so that the
// engine can account for pages before it knows what a backend does inside a tile.
// REQUIRES: positions is a positive multiple of kTilePositions.
PageLayout MakePageLayout(const StoreShape& shape, int positions);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_FORMAT_PAGE_LAYOUT_H_
