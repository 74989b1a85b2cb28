// A store: an attention shape, its quantizer and its sequences, on one shard.
#ifndef KVSIFT_SERVER_ENGINE_STORE_H_
#define KVSIFT_SERVER_ENGINE_STORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "server/engine/account.h"
#include "server/engine/engine.h"
#include "server/engine/level_tally.h"
#include "server/engine/page_pool.h"
#include "server/engine/sequence.h"

namespace kvsift {

class Scheduler;

// Positions of a page. Small pages waste little on short sequences and copy little on a fork's
// first write; 64 positions keep page tables and accounting below a hundredth of the codes.
inline constexpr int kPagePositions = 64;

// The configuration and what follows from it are immutable. Everything below "Guarded" is guarded
// by the mutex of the store's shard; only operations that run under it come near a Store.
class Store {
 public:
  // Errors: INVALID_ARGUMENT, UNIMPLEMENTED.
  // REQUIRES: config is valid; scheduler, backend and on_drift outlive the store.
  static absl::StatusOr<std::shared_ptr<Store>> Create(const StoreConfig& config, Backend& backend,
                                                       Scheduler& scheduler, int64_t max_page_bytes,
                                                       const DriftCallback& on_drift);

  const std::shared_ptr<const StoreDescription>& description() const { return description_; }
  const StoreConfig& config() const { return description_->config; }
  const StoreShape& shape() const { return format_.shape; }
  const StoreFormat& format() const { return format_; }
  const PageLayout& layout() const { return layout_; }
  const BackendStore& backend_store() const { return *backend_store_; }
  Backend& backend() const { return backend_; }
  Scheduler& scheduler() const { return scheduler_; }
  uint64_t fingerprint() const { return description_->fingerprint; }

  // Index of the layer with that id, or nothing.
  std::optional<int> LayerIndex(int32_t layer_id) const;

  // Counts levels of keys that have been written (LevelTally::Count) and tells, once, if they
  // deviate too much. Thread-safe; runs without the mutex.
  void CountLevels(int layer, int64_t start, int64_t count, const VectorData& keys);
  const LevelTally& levels() const { return levels_; }
  // The (layer, kv head) that deviates most, if enough of one was sampled. Thread-safe.
  std::optional<LevelDeviation> LargestDeviation() const;

  // Guarded.

  // The slot of `id`, made if there is none.
  SequenceSlot& SlotFor(uint64_t id);
  // Forgets the slot if it holds no sequence and nobody waits for it.
  void EraseIfIdle(const SequenceSlot& slot);
  // The slot of `id` if a sequence lives there, else null.
  const SequenceSlot* Find(uint64_t id) const;
  // Calls `visit` for slots with sequences and ids from `from` on, ascending, until it returns
  // false.
  void Visit(uint64_t from, const std::function<bool(const SequenceSlot&)>& visit) const;
  // Ids of all slots, those that only wait for a sequence included.
  std::vector<uint64_t> SlotIds() const;

  uint64_t NextEpoch() { return ++last_epoch_; }
  Account& account() { return account_; }
  const Account& account() const { return account_; }
  int64_t sequences() const { return sequences_; }
  // Sum over sequences of the longest layer.
  int64_t positions() const { return positions_; }

  // A sequence with no positions, which nobody can see yet.
  std::unique_ptr<Sequence> NewSequence() const;
  // Puts `sequence` into its slot, with a new epoch.
  void Publish(SequenceSlot& slot, std::unique_ptr<Sequence> sequence);
  // Empties the slot and gives the sequence's pages back.
  void Remove(SequenceSlot& slot, PagePool& pool);
  // Counts a sequence of this store again, after its lengths have changed.
  void CountPositions(Sequence& sequence);
  // Gives back pages that no layer of `sequence` reaches.
  void TrimPages(Sequence& sequence, PagePool& pool) const;

  bool deleted() const { return deleted_; }
  void set_deleted() { deleted_ = true; }

 private:
  Store(const StoreConfig& config, Backend& backend, Scheduler& scheduler,
        const DriftCallback& on_drift);

  // LevelTally::LargestOf, with the id of the layer.
  std::optional<LevelDeviation> LargestDeviationOf(int layer) const;

  const StoreFormat format_;
  const PageLayout layout_;
  const std::shared_ptr<const StoreDescription> description_;
  Backend& backend_;
  Scheduler& scheduler_;
  std::unique_ptr<BackendStore> backend_store_;
  const DriftCallback& on_drift_;
  LevelTally levels_;
  std::atomic<bool> has_drifted_ = false;

  Account account_;
  uint64_t last_epoch_ = 0;
  int64_t sequences_ = 0;
  int64_t positions_ = 0;
  bool deleted_ = false;
  absl::btree_map<uint64_t, std::unique_ptr<SequenceSlot>> slots_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STORE_H_
