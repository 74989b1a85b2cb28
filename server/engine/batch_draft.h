// A batch in the making.
#ifndef KVSIFT_SERVER_ENGINE_BATCH_DRAFT_H_
#define KVSIFT_SERVER_ENGINE_BATCH_DRAFT_H_

#include <algorithm>
#include <cstdint>

#include "kernels/backend.h"
#include "server/engine/engine.h"
#include "server/engine/observer.h"

namespace kvsift {

// What works have asked for so far, what it costs, and how much more the next one may ask for.
// Costs are device time in microseconds, estimated by the backend's pace.
struct BatchDraft {
  Batch batch;
  BatchReport report;
  Clock::time_point now;  // when it was begun
  Pace pace;
  double room_us = 0;   // left in this batch
  double spent_us = 0;  // what it is to take
  double piece_us = 0;  // left to the work that is adding to it

  // How many of items that cost `item_us` each the work may add: at least one.
  int64_t Fits(double item_us) const {
    return std::max<int64_t>(1, static_cast<int64_t>(piece_us / std::max(item_us, 1e-6)));
  }
  bool IsFull() const { return piece_us <= 0; }
  void Spend(double us) {
    room_us -= us;
    spent_us += us;
    piece_us -= us;
  }

  // Makes it ready for another batch; its arrays keep their memory.
  void Reset() {
    batch.table_edits.clear();
    batch.page_copies.clear();
    batch.writes.clear();
    batch.reads.clear();
    batch.selections.clear();
    report = {};
    spent_us = 0;
  }
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_BATCH_DRAFT_H_
