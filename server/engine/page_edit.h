// The pages that a write needs, reserved before anything changes.
#ifndef KVSIFT_SERVER_ENGINE_PAGE_EDIT_H_
#define KVSIFT_SERVER_ENGINE_PAGE_EDIT_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "server/engine/page_pool.h"
#include "server/engine/sequence.h"
#include "server/engine/store.h"

namespace kvsift {

// Makes a range of positions writable: pages beyond the last are new, and pages shared with a fork
// are copied. The sequence itself does not change before Publish; its table in the backend does,
// with the batch, but only where nobody reads before Publish.
//
// Guarded by the mutex of the shard; stays where it is from AddTo until its batch is done.
class PageEdit {
 public:
  // Reserves what positions [first, end) of `sequence` need.
  // Errors: RESOURCE_EXHAUSTED; nothing is reserved then.
  // REQUIRES: first <= sequence.LongestLayer().
  absl::Status Reserve(Store& store, PagePool& pool, const Sequence& sequence, int64_t first,
                       int64_t end);

  // Adds table edits and page copies.
  void AddTo(const Store& store, const Sequence& sequence, Batch& batch) const;

  // The batch is done: makes the reserved pages the sequence's.
  void Publish(PagePool& pool, Sequence& sequence);

  // The batch failed: gives the reserved pages back. The table has lost the edited entries.
  void Abandon(PagePool& pool, Sequence& sequence);

 private:
  struct Replaced {
    int64_t entry = 0;
    PageAddress from = 0;
    PageAddress to = 0;
  };

  int64_t first_entry_ = 0;           // of the table edit
  std::vector<PageAddress> entries_;  // the table from first_entry_ on; empty without an edit
  std::vector<PageAddress> reserved_;
  std::vector<Replaced> replaced_;  // shared pages and their copies
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_PAGE_EDIT_H_
