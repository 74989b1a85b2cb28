// Stores, sequences and selections, without any transport.
//
// An Engine can be embedded in a process; the gRPC service is one user of it. It validates what
// depends on state (lengths, epochs, budget); its callers validate shapes of messages. Rules are
// those of the wire: the proto file says what each call promises.
//
// Thread-safe. Mutations and selections are asynchronous; their views stay valid until `done` is
// called, exactly once, on any thread, possibly before the call returns.
#ifndef KVSIFT_SERVER_ENGINE_ENGINE_H_
#define KVSIFT_SERVER_ENGINE_ENGINE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "server/engine/answer.h"
#include "server/engine/level_deviation.h"
#include "server/engine/observer.h"

namespace kvsift {

using Clock = std::chrono::steady_clock;

// Immutable configuration of a store.
struct StoreConfig {
  std::string name;
  std::vector<int32_t> layer_ids;  // explicit, ascending, distinct; shape.layers of them
  StoreShape shape;
  std::vector<float> key_scales;  // [layers, kv_heads] in the order of layer_ids, or empty
  int32_t device = 0;             // index into the engine's shards

  bool operator==(const StoreConfig&) const = default;
};

// What never changes about a store.
struct StoreDescription {
  StoreConfig config;
  std::vector<float> thresholds;  // [layers, kv_heads, 2^bits - 1], or empty
  uint64_t fingerprint = 0;       // hash of everything that decides codes
  int64_t page_bytes = 0;
  int32_t page_positions = 0;
};

// A store as clients see it.
struct StoreInfo : StoreDescription {
  int64_t sequences = 0;
  int64_t positions = 0;       // sum over sequences of the longest layer
  int64_t resident_bytes = 0;  // pages charged to this store
  // Sampled coordinates of appended keys by level, [layers, kv_heads, 2^key_bits] (level_tally.h).
  std::vector<int64_t> level_counts = {};
  std::optional<LevelDeviation> deviation = {};  // the largest, once enough was sampled
};

struct SequenceInfo {
  uint64_t id = 0;
  uint64_t epoch = 0;
  std::vector<int64_t> lengths;  // in the order of the store's layer_ids
  int64_t pages = 0;             // in its table, shared ones included
};

enum class ConflictRule : uint8_t {
  kFail,         // keys that differ from stored ones fail the entry
  kReplaceTail,  // the layer is cut at the first difference and the new keys follow
};

// One sequence's part of a step.
struct StepEntry {
  uint64_t sequence_id = 0;
  std::optional<uint64_t> expected_epoch;
  int64_t start = 0;         // position of the first new key; ignored without keys
  int64_t key_count = 0;     // new keys, the same count for every layer of the request
  int64_t query_tokens = 0;  // 0: nothing is selected
  int32_t policy = 0;        // index into StepRequest::policies
  absl::Status invalid;      // not OK: a value inside this entry is bad; it fails with this
};

// Appends, then selects, for a batch of sequences of one store. An append is a step without
// query tokens; a selection is a step without keys.
struct StepRequest {
  std::string_view store;
  std::optional<uint64_t> fingerprint;  // demanded fingerprint of the store
  std::span<const int32_t> layer_ids;   // distinct; exactly one if there are query tokens
  ConflictRule on_conflict = ConflictRule::kFail;
  std::span<const StepEntry> entries;
  std::span<const Policy> policies;  // valid; not empty if there are query tokens

  // Keys of all entries, end to end, layer by layer: [layer_ids, sum of key_count, kv_heads, ...].
  VectorData keys;
  // Queries of all entries, end to end: [sum of query_tokens, query_heads, ...].
  VectorData queries;
  std::span<const float> query_scales;  // [sum of query_tokens, query_heads], or empty
  // [sum of query_tokens], or empty: DefaultVisibleLength of each entry.
  std::span<const int64_t> visible_lengths;

  AnswerLayout layout = AnswerLayout::kPadded;
  bool want_scores = false;  // rows of other groupings than kHead have scores 0

  // Whose step it is: steps of one client share the device as one with those of others.
  uint64_t client = 0;
  // Entries that have not begun by then do not, and the step ends with DEADLINE_EXCEEDED.
  Clock::time_point deadline = Clock::time_point::max();
  // If not null: becomes true when nobody waits for the answer. Entries that have not begun then
  // do not, and the step ends with CANCELLED.
  const std::atomic<bool>* cancelled = nullptr;
};

// What became of one entry.
struct EntryResult {
  absl::Status status;  // not OK: nothing of the sequence has changed and its rows are empty
  uint64_t epoch = 0;   // current epoch; 0 if the sequence does not exist
  int64_t length = 0;   // of the request's first layer, or of the layer the error is about
};

struct StepResult {
  absl::Status status;  // not OK: the whole request was refused and nothing has changed
  std::vector<EntryResult> entries;
};

// A sequence after a mutation.
struct MutationResult {
  absl::Status status;
  uint64_t epoch = 0;            // current epoch; 0 if the sequence does not exist
  std::vector<int64_t> lengths;  // [layers]; empty if it does not exist
};

struct MemoryUse {
  int64_t budget_bytes = 0;
  int64_t resident_bytes = 0;    // in pages that sequences hold
  int64_t free_bytes = 0;        // budget - resident
  int64_t fragmented_bytes = 0;  // free, but only for stores of the same page size
};

// One device.
struct ShardInfo {
  BackendInfo backend;
  MemoryUse memory;
};

// Work that was admitted and has no answer yet.
struct QueueUse {
  int64_t requests = 0;
  int64_t bytes = 0;  // of requests and the answers they asked for
};

struct EngineLimits {
  int32_t max_k = 65536;
  int64_t max_answer_bytes = int64_t{64} << 20;  // positions, counts and scores of one answer
  int64_t max_sequence_length = int64_t{1} << 24;
  int32_t max_stores = 1024;
  int64_t max_page_bytes = int64_t{64} << 20;
  // Work beyond either is refused with UNAVAILABLE, unless there is none before it.
  int64_t max_queued_requests = 4096;
  int64_t max_queued_bytes = int64_t{1} << 30;
};

using DriftCallback = std::function<void(const StoreDescription&, const LevelDeviation&)>;

struct EngineOptions {
  // One shard per backend; at least one.
  std::vector<std::unique_ptr<Backend>> backends;
  EngineLimits limits;
  uint64_t incarnation = 0;  // of this engine; stamped by the caller, distinct per process

  // Hears, once per shard and on any thread, that its device has failed (UNAVAILABLE, in the
  // backend's words), before anybody gets that answer. Does not wait and does not call the engine.
  // A backend whose device has failed answers nothing any more: end the engine.
  std::function<void(const absl::Status&)> on_device_failure = {};

  // Hears, once per store and on any thread, that the levels of its keys deviate beyond
  // kLevelDeviationLimit, and where. Does not wait and does not call the engine.
  DriftCallback on_drift = {};

  // By which deadlines and durations are measured; without one no deadline passes and all
  // durations are 0.
  std::function<Clock::time_point()> now = {};
  EngineObserver* observer = nullptr;  // outlives the engine; may be null
  // Calls `done` of steps that end together, where they are many; outlives the engine. Without one
  // whoever carries their work on does, one after the other.
  Executor* executor = nullptr;
};

class Engine {
 public:
  explicit Engine(EngineOptions options);

  // Waits for work in flight.
  ~Engine();

  const EngineLimits& limits() const;
  uint64_t incarnation() const;
  std::vector<ShardInfo> Shards() const;
  QueueUse Queue() const;

  // Creates a store, or returns the one of the same name and configuration.
  // Errors: ALREADY_EXISTS with another configuration, INVALID_ARGUMENT, RESOURCE_EXHAUSTED
  // beyond limits().max_stores.
  absl::StatusOr<StoreInfo> CreateStore(const StoreConfig& config);

  // Errors: NOT_FOUND.
  absl::StatusOr<StoreInfo> GetStore(std::string_view name) const;

  // What every request is checked against: shared, where GetStore copies. Outlives the store.
  // Errors: NOT_FOUND.
  absl::StatusOr<std::shared_ptr<const StoreDescription>> DescribeStore(
      std::string_view name) const;

  // At most `limit` stores with names greater than `after`, ascending by name.
  std::vector<StoreInfo> ListStores(std::string_view after, int limit) const;

  // Forgets a store and releases its sequences once work on them is done.
  // Errors: NOT_FOUND.
  absl::Status DeleteStore(std::string_view name);

  // Errors: NOT_FOUND.
  absl::StatusOr<SequenceInfo> GetSequence(std::string_view store, uint64_t id) const;

  // At most `limit` sequences with ids greater than `after` (all, without it), ascending.
  // Errors: NOT_FOUND.
  absl::StatusOr<std::vector<SequenceInfo>> ListSequences(std::string_view store,
                                                          std::optional<uint64_t> after,
                                                          int limit) const;

  // Runs a step. `sink` receives the answer's shape once, then its rows; it is not used if the
  // request has no query tokens or is refused.
  // Errors of the whole request: NOT_FOUND (store or layer), FAILED_PRECONDITION (fingerprint),
  // INVALID_ARGUMENT (a sequence twice among the entries with keys, answer too large, shapes),
  // UNAVAILABLE (the queue is full). And, when a part of it may have been done: DEADLINE_EXCEEDED,
  // CANCELLED.
  void Step(const StepRequest& request, AnswerSink* sink, std::function<void(StepResult)> done);

  // Makes every layer min(its length, length).
  void Truncate(std::string_view store, uint64_t id, std::optional<uint64_t> expected_epoch,
                int64_t length, std::function<void(MutationResult)> done);

  // Makes `child` share the first min(length of parent's layer, length) positions of `parent`.
  // expected_epoch is the parent's. The result is the child's.
  void Fork(std::string_view store, uint64_t parent, uint64_t child,
            std::optional<uint64_t> expected_epoch, int64_t length,
            std::function<void(MutationResult)> done);

  // Forgets a sequence. The result has its last epoch and lengths.
  void Release(std::string_view store, uint64_t id, std::optional<uint64_t> expected_epoch,
               std::function<void(MutationResult)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_ENGINE_H_
