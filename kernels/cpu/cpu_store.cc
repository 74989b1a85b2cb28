#include "kernels/cpu/cpu_store.h"

#include <algorithm>

#include "kernels/cpu/full_tile.h"

namespace kvsift {
namespace {

// Calls body(position, lane, count) for the part of [start, start + count) in each tile.
template <class Body>
void ForEachTile(int64_t start, int64_t count, const Body& body) {
  for (int64_t position = start; position < start + count;) {
    const int lane = static_cast<int>(position % kTilePositions);
    const int in_tile =
        static_cast<int>(std::min<int64_t>(kTilePositions - lane, start + count - position));
    body(position, lane, in_tile);
    position += in_tile;
  }
}

}  // namespace

void CpuPageTable::Apply(const TableEdit& edit) {
  const size_t end = static_cast<size_t>(edit.first) + edit.pages.size();
  if (pages.size() < end) pages.resize(end);
  std::copy(edit.pages.begin(), edit.pages.end(), pages.begin() + edit.first);
}

std::byte* KeyTiles::Tile(int64_t position, int kv_head) const {
  const PageLayout& layout = store_.layout;
  const PageAddress page = table_.pages[static_cast<size_t>(position / layout.positions)];
  return memory_ + page +
         layout.codes.UnitOffset(layer_, kv_head, static_cast<int>(position % layout.positions));
}

std::span<const TileRun> KeyTiles::CollectRuns(int kv_head, int64_t begin, int64_t end,
                                               std::span<TileRun> runs) const {
  size_t count = 0;
  const int64_t page = store_.layout.positions;
  for (int64_t position = begin; position < end;) {
    const int64_t stop = std::min(end, (position / page + 1) * page);
    runs[count++] = {.tiles = Tile(position, kv_head),
                     .count = (stop - position + kTilePositions - 1) / kTilePositions};
    position = stop;
  }
  return runs.first(count);
}

void KeyTiles::Write(int64_t start, int64_t count, const std::byte* codes) const {
  const int64_t position_bytes = store_.format.shape.key_bytes_per_position();
  const int64_t code_bytes = int64_t{4} * store_.tile.words();
  const int64_t head_stride = store_.layout.codes.head_stride;
  // All heads of a tile's positions in turn: what is read lies together.
  ForEachTile(start, count, [&](int64_t position, int lane, int in_tile) {
    std::byte* tile = Tile(position, 0);
    const std::byte* from = codes + (position - start) * position_bytes;
    for (int kv_head = 0; kv_head < store_.format.shape.kv_heads; ++kv_head) {
      WriteTile(store_.tile, tile + kv_head * head_stride, lane, in_tile,
                from + kv_head * code_bytes, position_bytes);
    }
  });
  FlushFullTiles();
}

void KeyTiles::Read(int64_t start, int64_t count, std::byte* codes) const {
  const int64_t position_bytes = store_.format.shape.key_bytes_per_position();
  const int64_t code_bytes = int64_t{4} * store_.tile.words();
  const int64_t head_stride = store_.layout.codes.head_stride;
  ForEachTile(start, count, [&](int64_t position, int lane, int in_tile) {
    const std::byte* tile = Tile(position, 0);
    std::byte* to = codes + (position - start) * position_bytes;
    for (int kv_head = 0; kv_head < store_.format.shape.kv_heads; ++kv_head) {
      ReadTile(store_.tile, tile + kv_head * head_stride, lane, in_tile, to + kv_head * code_bytes,
               position_bytes);
    }
  });
}

}  // namespace kvsift
