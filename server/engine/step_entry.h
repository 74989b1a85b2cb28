// One entry of a step: append keys to one sequence, then select from it.
#ifndef KVSIFT_SERVER_ENGINE_STEP_ENTRY_H_
#define KVSIFT_SERVER_ENGINE_STEP_ENTRY_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "server/engine/engine.h"
#include "server/engine/key_overlap.h"
#include "server/engine/page_edit.h"
#include "server/engine/step_shape.h"
#include "server/engine/store.h"
#include "server/engine/work.h"

namespace kvsift {

// What the entries of one step have in common.
struct StepContext {
  StepRequest request;  // its views outlive the step
  std::shared_ptr<Store> store;
  StepShape shape;
  int64_t max_sequence_length = 0;
  AnswerBuffers answer;
  std::vector<int64_t> default_visible;  // [token_total]; filled per entry, if not in the request
};

// Where an entry's part of the flat arrays begins.
struct EntryOffsets {
  int64_t key = 0;    // in positions, per layer
  int64_t token = 0;  // in query tokens
  int64_t row = 0;    // in answer rows
};

// Told when an entry is finished. Called without locks, on any thread.
class EntryObserver {
 public:
  virtual ~EntryObserver() = default;
  virtual void OnEntryFinished() = 0;
};

// Checks, compares keys that are there already, reserves pages, writes and selects, publishes. A
// decode step writes and selects in one batch; longer work goes in pieces, a batch each, and nobody
// sees anything of it before the last. Whatever fails, fails before anything of the sequence has
// changed; a batch that the device loses is the exception in REPLACE_TAIL: keys that it may have
// overwritten are cut off.
class StepEntryWork final : public Work {
 public:
  StepEntryWork(StepContext& context, int64_t index, const EntryOffsets& offsets,
                EntryObserver& observer);

  Progress Advance(PagePool& pool, BatchDraft& draft) override;
  bool IsQuick() const override;
  void OnBatchDone(const absl::Status& status) override;
  void Finish() override { observer_.OnEntryFinished(); }

  // REQUIRES: finished.
  EntryResult& result() { return result_; }
  const EntryOffsets& offsets() const { return offsets_; }

 private:
  enum class Stage : uint8_t { kCheck, kCompare, kPieces, kPublish };

  struct Layer {
    int index = 0;           // in the store
    int64_t length = 0;      // before the step
    int64_t write_from = 0;  // first position to be written; `end_` if there is none
    bool replaces = false;   // stored keys from write_from on are cut off
    std::optional<KeyOverlap> overlap;
  };

  const StepEntry& entry() const { return context_.request.entries[index_]; }
  Store& store() const { return *context_.store; }
  SequenceSlot& slot() { return *turns()[0].slot; }
  // The sequence, the one about to be created, or null.
  Sequence* sequence();
  int32_t LayerId(const Layer& layer) const;
  // Keys of the request for `layer`: `count` positions from `from` on.
  VectorData KeysFrom(size_t layer, int64_t from, int64_t count) const;

  int64_t NewLength(const Layer& layer) const {
    return layer.replaces ? end_ : std::max(layer.length, end_);
  }

  // step_entry.cc: checks and comparisons.
  Progress Fail(absl::Status status);
  // CANCELLED or DEADLINE_EXCEEDED if nobody waits for the answer any more.
  absl::Status CheckWanted(Clock::time_point now) const;
  absl::Status Check();
  absl::Status CheckStart();
  absl::Status CheckAllVisible(int64_t length) const;
  void AddReads(BatchDraft& draft);
  void Compare();

  // step_entry_apply.cc: what changes.
  absl::Status CheckReplacements();
  // Reserves, and adds the first piece; or publishes at once if there is nothing to do.
  Progress Apply(PagePool& pool, BatchDraft& draft);
  Progress AddPiece(BatchDraft& draft);
  void AddWrites(BatchDraft& draft);
  // Of what was written, once the device has it.
  void CountLevels();
  void AddSelections(BatchDraft& draft);
  void AddSelection(int64_t tokens, BatchDraft& draft);
  // Sets visible_.
  void ResolveVisible();
  Progress Publish(PagePool& pool);
  void Abandon(PagePool& pool);

  StepContext& context_;
  const int64_t index_;
  const EntryOffsets offsets_;
  EntryObserver& observer_;

  Stage stage_ = Stage::kCheck;
  bool writes_ = false;
  int64_t end_ = 0;  // where the new keys end; 0 without keys
  absl::InlinedVector<Layer, 1> layers_;
  // What the next piece begins with: a position of one of layers_, then a query token.
  size_t next_layer_ = 0;
  int64_t next_position_ = 0;
  int64_t next_token_ = 0;
  std::span<const int64_t> visible_;    // [query_tokens]
  const Layer* error_layer_ = nullptr;  // the one an error is about, if not the first
  std::unique_ptr<Sequence> created_;
  PageEdit pages_;
  absl::Status batch_status_;
  EntryResult result_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STEP_ENTRY_H_
