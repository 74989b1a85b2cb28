// One pass over a range of keys for the query rows that share them.
//
// The rows are those of some query tokens and the heads of one kv head. A block of positions is
// scored for all of them while its tiles are in cache, and each row takes its values into a
// streaming top-k at once: scores are never written further than the cache.
#ifndef KVSIFT_KERNELS_CPU_ROW_SCAN_H_
#define KVSIFT_KERNELS_CPU_ROW_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/backend.h"
#include "kernels/cpu/cpu_store.h"
#include "kernels/cpu/query_words.h"
#include "kernels/cpu/score_tiles.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/top_k.h"

namespace kvsift {

// Positions [begin, end).
struct PositionRange {
  int64_t begin = 0;
  int64_t end = 0;

  bool empty() const { return begin >= end; }
  int64_t size() const { return empty() ? 0 : end - begin; }
};

// How many positions of a list are ranked rather than forced, where not all are taken.
inline int64_t RankedCount(const Policy& policy) {
  return int64_t{policy.k} - policy.sinks - policy.window;
}

// The positions that a token with `visible` positions ranks: empty where all are taken or forced.
PositionRange RankedRange(const Policy& policy, int64_t visible);

// What a scan covers.
struct ScanShape {
  const Selection* selection = nullptr;
  int kv_head = 0;
  int64_t first_token = 0;
  int64_t tokens = 0;
  PositionRange keys;  // ranked positions outside are another scan's
};

// Lists stay valid until Release. Not thread-safe.
class RowScan {
 public:
  explicit RowScan(const ScanShape& shape) : shape_(shape) {}

  // Prepares the queries and scans. `memory` is the start of page memory.
  void Run(std::byte* memory, ScratchPool::Lease scratch);

  // Gives the working memory back; the scan is over.
  void Release() { scratch_.reset(); }

  const ScanShape& shape() const { return shape_; }

  // The best ranked positions in the scan's range: of head `head` of the kv head, for groupings
  // by head; of the weighted sum, for group_sum. `token` counts from first_token.
  const TopK<int16_t>& best(int64_t token, int head) const {
    return best_[static_cast<size_t>(token * group_ + head)];
  }
  const TopK<int64_t>& best_sums(int64_t token) const {
    return best_sums_[static_cast<size_t>(token)];
  }

  // Query scales of the kv head's heads, or empty.
  std::span<const float> scales(int64_t token) const;

  // Values of one row at positions [range), larger is better, in memory of `scratch`.
  std::span<const int16_t> ValuesOf(int64_t token, int head, PositionRange range,
                                    Scratch& scratch) const;

 private:
  KeyTiles Tiles() const;
  void PrepareRows();
  const std::byte* EncodedQueries();
  void PrepareLists();
  void ScanBlock(PositionRange block);
  void TakeSums(int64_t token, PositionRange block, PositionRange taken);

  ScanShape shape_;
  std::byte* memory_ = nullptr;
  ScratchPool::Lease scratch_;
  int group_ = 0;  // heads of the kv head
  ScoreForm form_;
  std::span<ScoreRow> rows_;            // [tokens, group]
  std::span<float> scales_;             // [tokens, group], or empty
  std::span<int32_t> weights_;          // [tokens, group], for group_sum
  std::span<TopK<int16_t>> best_;       // [tokens, group], or empty
  std::span<TopK<int64_t>> best_sums_;  // [tokens], or empty
  std::span<int64_t> sums_;             // [block], for group_sum
  std::span<const int16_t*> addends_;   // [group], for group_sum
  std::span<ScoreRow> active_;          // [tokens, group], room for a block's
  std::span<TileRun> runs_;             // room for a block's
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_ROW_SCAN_H_
