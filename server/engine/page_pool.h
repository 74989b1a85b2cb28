// The pages of one device: a hard budget, reference counts, and who is charged.
//
// Page memory is cut into granules; neighbouring granules form a slab, and a slab holds pages of
// one size, because stores of different shapes have pages of different sizes. A slab without a
// page in use gives its granules back, so that stores of any page size can have them. A slab
// has 1 to 16 granules (more only for a page that is larger), as many as keep the bytes behind its
// last page below a 32nd.
//
// A page is dead as soon as its last reference is dropped: sequences drop references only while
// they have the sequence to themselves, so no work in flight can name it (turn_queue.h). The pool
// tells the backend of each dead page at that moment, before it can be handed out again.
#ifndef KVSIFT_SERVER_ENGINE_PAGE_POOL_H_
#define KVSIFT_SERVER_ENGINE_PAGE_POOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "server/engine/account.h"
#include "server/engine/engine.h"
#include "server/engine/granule_map.h"

namespace kvsift {

// Granule of a pool with that budget: a power of two, 4 KiB to 2 MiB, and if possible at most a
// 64th of the budget.
int64_t GranuleBytes(int64_t budget_bytes);

// Granules of a slab of pages of that size.
int64_t SlabGranules(int64_t page_bytes, int64_t granule_bytes);

// Thread-compatible: guarded by the mutex of its shard.
class PagePool {
 public:
  // Pools the page memory of `backend`, which outlives the pool.
  explicit PagePool(Backend& backend);
  ~PagePool();

  // Takes `count` pages of `page_bytes` bytes, each with one reference, and charges `account`.
  // Errors: RESOURCE_EXHAUSTED with the bytes asked for and free, or the backend's, if it has no
  // memory for them; nothing has changed then.
  absl::StatusOr<std::vector<PageAddress>> Take(int64_t page_bytes, int64_t count,
                                                Account& account);

  // Adds a reference to a page.
  void Share(PageAddress page);

  // Drops a reference; the last one frees the page and credits its account.
  void Drop(PageAddress page);

  // True if more than one sequence refers to the page, so that nobody may write to it.
  bool IsShared(PageAddress page) const;

  MemoryUse Use() const;

 private:
  struct Slab;
  // Slabs of one page size that have free pages, by first granule.
  using OpenSlabs = std::map<int64_t, std::set<int64_t>>;

  // Takes one page, or returns false if there is no room for it, or, with that in `backed`, no
  // memory.
  bool TakeOne(int64_t page_bytes, Account& account, PageAddress* page, absl::Status* backed);

  // A slab of that page size with a free page, or null, likewise.
  Slab* OpenSlab(int64_t page_bytes, absl::Status* backed);
  void CloseSlab(const Slab& slab);
  Slab& SlabOf(PageAddress page) const;

  Backend& backend_;
  const int64_t budget_bytes_;
  const int64_t granule_bytes_;
  GranuleMap granules_;
  std::vector<std::shared_ptr<Slab>> slab_of_granule_;
  OpenSlabs open_slabs_;
  int64_t slab_bytes_ = 0;
  int64_t resident_bytes_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_PAGE_POOL_H_
