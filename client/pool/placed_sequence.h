// A sequence of a pool: where it is, what of it was acknowledged, and who waits for it.
#ifndef KVSIFT_CLIENT_POOL_PLACED_SEQUENCE_H_
#define KVSIFT_CLIENT_POOL_PLACED_SEQUENCE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/pool/member.h"
#include "kvsift/pool.h"

namespace kvsift::client {

struct PlacedSequence;
using SequencePtr = std::shared_ptr<PlacedSequence>;

// A store of a pool. What changes is guarded by the mutex of Placements.
struct PoolStore {
  PoolStore(Store its_store, KeyProvider its_keys)
      : store(std::move(its_store)), keys(std::move(its_keys)) {}

  const Store store;
  const KeyProvider keys;
  // Each holds the store, so both stay until the store is forgotten.
  absl::flat_hash_map<uint64_t, SequencePtr> sequences;
  bool is_forgotten = false;  // it takes no sequences any more
};
using StorePtr = std::shared_ptr<PoolStore>;

// A call that waits until its sequence is in its place.
struct Waiter {
  absl::Time deadline;
  // Appends at 0: it does not need what was there before.
  bool restarts = false;
  // Takes the member to call, or why there is none. Called once, without locks, where it may block.
  std::function<void(absl::StatusOr<MemberPtr>)> admit;
};

// Guarded by the mutex of Placements, but for the constants.
struct PlacedSequence {
  PlacedSequence(StorePtr its_store, uint64_t its_id, uint64_t its_root)
      : store(std::move(its_store)),
        id(its_id),
        root(its_root),
        lengths(store->store.config.layer_ids.size(), 0) {}

  // Generation of no view.
  static constexpr uint64_t kNever = UINT64_MAX;

  const StorePtr store;
  const uint64_t id;
  const uint64_t root;  // the id that decides the place

  MemberPtr member = nullptr;    // nullptr: nowhere yet
  uint64_t generation = kNever;  // of the view that put it there
  uint64_t epoch = 0;            // as the member last told
  std::vector<int64_t> lengths;  // [layers of the store], acknowledged; the caller has these keys

  int in_flight = 0;         // calls at the member
  bool is_moving = false;    // a thread sees to it
  bool is_unknown = false;   // it may be anywhere: members have to be asked
  bool is_suspect = false;   // the member did not answer: its health has to be asked
  bool is_lost = false;      // the member does not hold what it acknowledged
  bool is_released = false;  // nobody needs it any more
  absl::Status moved;        // what calls are told that would miss keys after a move
  int refusals = 0;          // calls in a row that the member did not answer
  uint64_t last_ticket = 0;  // tickets are the order of calls
  std::map<uint64_t, Waiter> waiting;
};

// One call's turn at a sequence.
struct Visit {
  SequencePtr sequence;
  uint64_t ticket = 0;
  int attempts = 1;  // this one included
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_PLACED_SEQUENCE_H_
