// Where the bits of a key lie in device memory: the order inside a tile of 16 keys, and the way
// from a tile's number to its address. Plain C++17, read by host and device code.
//
// Tiles of 2-bit keys are stored as the tensor cores take them. The binary matrix instruction
// wants, in lane 4 * g + t of a warp, word t (of four) of keys g and g + 8; stored in that order
// a warp fetches a whole tile with one load per lane and shuffles nothing:
//   kFragment128 (D = 128, 256): per 128 dimensions 512 bytes, lane l owns the 16 bytes
//                {low plane of key g, of g + 8, high plane of g, of g + 8}
//   kFragment64  (D = 64): 256 bytes, lane l owns 8 bytes {key g, key g + 8}; its word is word t
//                of the low plane for t < 2, word t - 2 of the high plane otherwise
//   kPlain       anything else: wire order
#ifndef KVSIFT_KERNELS_CUDA_CODE_LAYOUT_H_
#define KVSIFT_KERNELS_CUDA_CODE_LAYOUT_H_

#include <cstdint>

#ifdef __CUDACC__
#define KVSIFT_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define KVSIFT_HOST_DEVICE inline
#endif

namespace kvsift::cuda {

inline constexpr int kTileKeys = 16;

// Tiles that scans take together: they lie one after another in pages that have a multiple of as
// many.
inline constexpr int kRunTiles = 4;

// Tiles of the largest part when `tiles` tiles are split into `parts`: whole runs.
KVSIFT_HOST_DEVICE int PartTiles(int tiles, int parts) {
  return ((tiles + parts - 1) / parts + kRunTiles - 1) / kRunTiles * kRunTiles;
}

enum class TileOrder : int { kPlain, kFragment64, kFragment128 };

// The shape and page layout of a store as kernels want them.
struct CodeLayout {
  TileOrder order;
  int head_dim;
  int dim;    // D
  int bits;   // planes of a key
  int words;  // of a plane: D / 32
  int kv_heads;
  int query_heads;
  uint32_t tile_bytes;
  uint32_t tiles_per_page;
  uint32_t tiles_reciprocal;  // ceil(2^32 / tiles_per_page), or 0 if that is 1 tile
  int64_t codes_offset;
  int64_t head_stride;
  int64_t layer_stride;
};

constexpr KVSIFT_HOST_DEVICE TileOrder OrderFor(int dim, int bits) {
  if (bits != 2 || dim < 64) return TileOrder::kPlain;
  return dim == 64 ? TileOrder::kFragment64 : TileOrder::kFragment128;
}

// Word of a tile that holds word `word` of plane `plane` of key `key`.
KVSIFT_HOST_DEVICE int TileWord(const CodeLayout& layout, int key, int plane, int word) {
  const int half = key >> 3;
  const int row = (key & 7) * 4;
  switch (layout.order) {
    case TileOrder::kFragment128:
      return ((word >> 2) * 32 + row + (word & 3)) * 4 + plane * 2 + half;
    case TileOrder::kFragment64:
      return (row + plane * 2 + word) * 2 + half;
    case TileOrder::kPlain:
      break;
  }
  return (key * layout.bits + plane) * layout.words + word;
}

#ifdef __CUDACC__
// Address of tile `tile` of the (layer, kv head) at `head_offset` in every page.
// REQUIRES: tile * tiles_per_page < 2^32.
__device__ __forceinline__ const uint8_t* TileAddress(const CodeLayout& layout,
                                                      const uint8_t* pages, const uint64_t* table,
                                                      int64_t head_offset, uint32_t tile) {
  const uint32_t page =
      layout.tiles_reciprocal == 0 ? tile : __umulhi(tile, layout.tiles_reciprocal);
  const uint32_t inside = tile - page * layout.tiles_per_page;
  return pages + __ldg(table + page) + head_offset + inside * layout.tile_bytes;
}
#endif

// Offset in a page of the codes of one (layer, kv head).
inline int64_t HeadOffset(const CodeLayout& layout, int layer, int kv_head) {
  return layout.codes_offset + layer * layout.layer_stride + kv_head * layout.head_stride;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_CODE_LAYOUT_H_
