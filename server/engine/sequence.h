// One sequence: lengths, epoch and pages. Plain state; operations keep its invariants.
#ifndef KVSIFT_SERVER_ENGINE_SEQUENCE_H_
#define KVSIFT_SERVER_ENGINE_SEQUENCE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "server/engine/turn_queue.h"

namespace kvsift {

// How a sequence came to be, as long as it is exactly that.
struct ForkOrigin {
  uint64_t parent = 0;
  int64_t length = 0;  // as it was asked for

  bool operator==(const ForkOrigin&) const = default;
};

// Guarded by the shard's mutex. Changed only by whoever has the writer's turn.
struct Sequence {
  uint64_t epoch = 0;
  std::vector<int64_t> lengths;  // [layers]

  // Entry i is the page of positions [i * P, (i + 1) * P), with P positions a page; exactly the
  // pages that the longest layer needs.
  std::vector<PageAddress> pages;

  // The backend's copy of `pages`. Its first `table_entries` entries are known to be equal; the
  // others were lost with a batch that failed and are set again by the next append.
  std::unique_ptr<PageTable> table;
  int64_t table_entries = 0;

  int64_t counted_positions = 0;  // what its store has counted of it (Store::CountPositions)

  std::optional<ForkOrigin> origin;  // cleared by any change

  int64_t LongestLayer() const { return *std::max_element(lengths.begin(), lengths.end()); }
  bool IsTableComplete() const { return table_entries == static_cast<int64_t>(pages.size()); }
};

// The place of a sequence id in its store: exists while the sequence does or somebody waits for a
// turn, perhaps to create it.
struct SequenceSlot {
  uint64_t id = 0;
  TurnQueue turns;
  std::unique_ptr<Sequence> sequence;  // null before it is created and after it is released
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_SEQUENCE_H_
