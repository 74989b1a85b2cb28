// What the CPU backend keeps of a store and of a sequence, and where key tiles lie.
#ifndef KVSIFT_KERNELS_CPU_CPU_STORE_H_
#define KVSIFT_KERNELS_CPU_CPU_STORE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/score_tiles.h"
#include "kernels/cpu/tile_codes.h"

namespace kvsift {

class CpuStore final : public BackendStore {
 public:
  CpuStore(const StoreFormat& store_format, const PageLayout& page_layout)
      : format(store_format),
        layout(page_layout),
        tile{.plane_words = PlaneWords(store_format.shape.head_dim),
             .planes = store_format.shape.key_bits} {}

  const StoreFormat format;
  const PageLayout layout;
  const TileShape tile;
};

class CpuPageTable final : public PageTable {
 public:
  void Apply(const TableEdit& edit);

  std::vector<PageAddress> pages;
};

// The key tiles of one layer of one sequence. Everything is borrowed.
class KeyTiles {
 public:
  KeyTiles(std::byte* memory, const BackendStore& store, const PageTable& table, int layer)
      : memory_(memory),
        store_(static_cast<const CpuStore&>(store)),
        table_(static_cast<const CpuPageTable&>(table)),
        layer_(layer) {}

  const CpuStore& store() const { return store_; }

  // The tile that holds `position`. REQUIRES: the table has its page.
  std::byte* Tile(int64_t position, int kv_head) const;

  // Most runs that `positions` positions make, wherever they begin.
  int64_t MaxRuns(int64_t positions) const { return store_.layout.PagesFor(positions) + 1; }

  // Writes the tiles that cover [begin, end) to the start of `runs`, in order, a run a page, and
  // returns what it wrote.
  // REQUIRES: begin is a multiple of kTilePositions; `runs` has room for MaxRuns.
  std::span<const TileRun> CollectRuns(int kv_head, int64_t begin, int64_t end,
                                       std::span<TileRun> runs) const;

  // Copies wire codes [count, kv_heads, planes, D/32] to or from positions
  // [start, start + count).
  void Write(int64_t start, int64_t count, const std::byte* codes) const;
  void Read(int64_t start, int64_t count, std::byte* codes) const;

 private:
  std::byte* memory_;
  const CpuStore& store_;
  const CpuPageTable& table_;
  int layer_;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_CPU_STORE_H_
