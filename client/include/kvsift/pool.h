// Several servers as one: sequences are spread over the members of a pool.
//
//   auto pool = kvsift::Pool::Connect("dns:///kvsift.models.svc:7600", {}, deadline);
//   auto store = (*pool)->CreateStore(config, {.read = ...}, deadline);
//   (*pool)->Append(*store, ...);  (*pool)->Step(*store, ...);   // as those of Client
//
// Members. A target is a list of addresses with commas between them. "unix:/path" and literal
// addresses ("10.0.0.7:7600") are members as they stand. A name ("name:port" or
// "dns:///name:port") is looked up again and again, and each of its addresses is a member: give the
// name of a headless Service. Two addresses of one server count once. A member serves while its
// health service says SERVING; one that drains, or cannot be reached, gets no more sequences.
//
// Place. A sequence lives on the serving member that rendezvous hashing picks for its id. Every
// client with the same view of the members comes to the same place. When a member goes, only its
// sequences move; when one joins, it takes its share of all (PoolOptions::rebalance). A sequence
// moves at the next call for it.
//
// Forks live with their parent: they are placed by the id of their root, which this object
// remembers. A worker that starts anew and still has its keys calls GetSequence, which asks all
// members, takes the longest copy that it finds and remembers where it is; so does the first call
// for a sequence that this object has not seen, unless it appends at 0. One that lost its keys
// deletes its store.
//
// Moving. The new member needs the keys. With a KeyProvider the pool fetches those that were
// acknowledged, appends them and then goes on with the call: callers see a longer call and another
// epoch. Without one the call's entry fails once with FAILED_PRECONDITION and length 0, as if a
// server had lost the sequence, and the caller appends from 0; until everything that was
// acknowledged is back, selections that would miss some of it fail, too. A copy that is left behind
// is released. Forks that move no longer share pages with their parent.
//
// Calls are those of Client: the same order, errors and deadlines. A batch is split by member and
// its answers merged in order; what fails at one member fails its entries alone. Calls of one
// sequence keep their order while it moves. Synchronous calls, too, are refused where
// Options::max_steps_in_flight are unanswered.
//
// Thread-safe. Costs one more connection to each member, and a health check every half second.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_POOL_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_POOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kvsift/client.h"

namespace kvsift::client {

// Keys [start, start + count) of one layer of a sequence.
struct KeyRange {
  uint64_t sequence_id = 0;
  int32_t layer_id = 0;
  int64_t start = 0;
  int64_t count = 0;
};

// Where the pool gets keys from when a sequence moves.
struct KeyProvider {
  // Writes what was appended: raw [count, kv_heads, head_dim] elements, or codes
  // [count, kv_heads, key_bits, D/32] words, which fill `out`. Called on threads of the pool, for
  // several sequences at once, while a call for the sequence waits. An error fails that call.
  // Must not call the pool.
  std::function<absl::Status(const KeyRange& range, std::span<std::byte> out)> read = {};
  std::optional<ElementType> raw = {};  // nothing: codes
  EncodeOn encode = EncodeOn::kClient;
};

struct PoolOptions {
  // Of the connections to each member. `attempts` and `first_backoff` are the pool's: how often a
  // call is sent, to whichever member, and the time between.
  Options client = {};
  // Of members' health. A check without an answer is repeated at once; without one again, the
  // member is lost: at most check_interval + 2 check_timeout after it stopped answering.
  absl::Duration check_interval = absl::Milliseconds(500);
  absl::Duration check_timeout = absl::Milliseconds(500);
  absl::Duration resolve_interval = absl::Seconds(5);  // of names
  // A member that joins takes its share of the sequences that are there, if their store has a
  // KeyProvider; otherwise of new sequences only.
  bool rebalance = true;
  int move_threads = 8;  // sequences that move at once
  // Looks a target up, in place of DNS: for other registries, and tests.
  std::function<absl::StatusOr<std::vector<std::string>>(const std::string& target)> resolve = {};
};

enum class MemberState : uint8_t {
  kServing,
  kDraining,     // it says so; calls may still be answered
  kUnreachable,  // no answer, or none yet
};

struct MemberInfo {
  std::string address;
  MemberState state = MemberState::kUnreachable;
  absl::Status trouble = {};  // why it is not serving
  ServerInfo server = {};     // as it last said
};

// Since the start.
struct PoolCounts {
  int64_t moved_sequences = 0;  // brought to another member, or to one that had lost them
  int64_t moved_positions = 0;  // appended for that, each layer counts
};

class Pool {
 public:
  // Waits until a member serves.
  // Errors: INVALID_ARGUMENT for the form of the target; UNAVAILABLE, with what each member said,
  // if none serves by the deadline, or at once if all are out of reach.
  static absl::StatusOr<std::unique_ptr<Pool>> Connect(const std::string& target,
                                                       PoolOptions options, absl::Time deadline);

  // Waits for calls in flight, as Client's.
  ~Pool();

  // Members that were found, ascending by address.
  std::vector<MemberInfo> Members() const;

  PoolCounts Counts() const;

  // The address of the member that a sequence is placed on now, by its record or by its id.
  // Errors: UNAVAILABLE if no member serves.
  absl::StatusOr<std::string> PlaceOf(const std::string& store, uint64_t id) const;

  // Creates the store on every member, those that join later included. Created again, it keeps
  // the provider of the first time. Errors: as Client's.
  absl::StatusOr<Store> CreateStore(const StoreConfig& config, KeyProvider keys,
                                    absl::Time deadline);

  // Its sequences and bytes are sums over the serving members.
  absl::StatusOr<Store> GetStore(const std::string& name, absl::Time deadline);
  absl::Status DeleteStore(const std::string& name, absl::Time deadline);

  // The calls below take stores that CreateStore of this object returned; NOT_FOUND for others.
  absl::StatusOr<AppendResult> Append(const Store& store, const AppendRequest& request,
                                      absl::Time deadline);
  absl::StatusOr<AppendResult> StreamAppend(const Store& store, const AppendRequest& request,
                                            absl::Time deadline);

  // server_incarnation of a merged answer is that of its first part.
  absl::StatusOr<SelectionResult> Select(const Store& store, const SelectRequest& request,
                                         absl::Time deadline);
  absl::StatusOr<SelectionResult> Step(const Store& store, const StepRequest& request,
                                       absl::Time deadline);
  void SelectAsync(const Store& store, const SelectRequest& request, absl::Time deadline,
                   SelectionCallback done);
  void StepAsync(const Store& store, const StepRequest& request, absl::Time deadline,
                 SelectionCallback done);

  absl::StatusOr<Sequence> GetSequence(const std::string& store, uint64_t id, absl::Time deadline);
  absl::StatusOr<Sequence> Truncate(const std::string& store, uint64_t id, int64_t length,
                                    std::optional<uint64_t> expected_epoch, absl::Time deadline);
  absl::StatusOr<Sequence> Fork(const std::string& store, uint64_t parent, uint64_t child,
                                int64_t length, std::optional<uint64_t> expected_epoch,
                                absl::Time deadline);

  // Of a sequence that was lost with its member: OK, if this object knew it.
  absl::Status Release(const std::string& store, uint64_t id,
                       std::optional<uint64_t> expected_epoch, absl::Time deadline);

 private:
  class Impl;
  explicit Pool(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift::client

namespace kvsift {
using client::Pool;
}  // namespace kvsift

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_POOL_H_
