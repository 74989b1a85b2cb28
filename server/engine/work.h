// The unit of scheduling: one entry of a step, one truncate, one fork, one release.
//
// A work waits for its turns on the sequences it names, then alternates between Advance, which
// decides under the shard's mutex what comes next, and batches on the device, until it is done.
// Entries of one request are works of their own: one that waits holds back no other.
#ifndef KVSIFT_SERVER_ENGINE_WORK_H_
#define KVSIFT_SERVER_ENGINE_WORK_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "server/engine/batch_draft.h"
#include "server/engine/engine.h"
#include "server/engine/page_pool.h"
#include "server/engine/sequence.h"
#include "server/engine/turn_queue.h"

namespace kvsift {

class Store;
class Work;

// A work's turn on one sequence.
struct SequenceTurn : Turn {
  Work* work = nullptr;
  uint64_t id = 0;
  // From admission until the turn ends:
  Store* store = nullptr;
  SequenceSlot* slot = nullptr;
};

class Work {
 public:
  enum class Progress : uint8_t {
    kMore,  // the batch has a part of this work, and more will follow
    kLast,  // the batch has the last of this work, which has only to end when that is done
    kDone,
  };

  virtual ~Work() = default;

  // Goes on as far as possible: checks, reserves pages, adds to `draft`, publishes. What takes
  // the device long it adds in pieces, one a batch (BatchDraft::piece_us).
  // Runs under the shard's mutex, with all turns begun; `pool` is the shard's.
  virtual Progress Advance(PagePool& pool, BatchDraft& draft) = 0;

  // Whether all of it takes one thread some tens of microseconds at most. As Advance is called.
  virtual bool IsQuick() const { return false; }

  // Hears that its batch is done, before the next Advance. Does what takes long: runs without
  // the mutex.
  virtual void OnBatchDone(const absl::Status& status) = 0;

  // Hears that it is done and its turns have ended. Runs without the mutex; may destroy the work.
  virtual void Finish() = 0;

  // Whose it is (StepRequest::client).
  uint64_t client() const { return client_; }

  // Brings keys, and nobody waits for more than to hear that they are there.
  bool only_appends() const { return only_appends_; }

  // The turns it takes, at most one per sequence.
  std::span<SequenceTurn> turns() { return std::span(turns_).first(turn_count_); }
  std::span<const SequenceTurn> turns() const { return std::span(turns_).first(turn_count_); }

 protected:
  explicit Work(uint64_t client, bool only_appends = false)
      : client_(client), only_appends_(only_appends) {}

  void AddTurn(uint64_t id, Access access) {
    SequenceTurn& turn = turns_[turn_count_++];
    turn.access = access;
    turn.work = this;
    turn.id = id;
  }

 private:
  friend class FairQueue;
  friend class Scheduler;
  const uint64_t client_;
  const bool only_appends_;
  Work* next_ready_ = nullptr;  // the queue's own
  Clock::time_point admitted_;
  bool reports_start_ = false;  // the first of its request, until it has begun
  bool has_more_ = false;       // as its last Advance said
  std::array<SequenceTurn, 2> turns_;
  uint8_t turn_count_ = 0;
  uint8_t awaited_turns_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_WORK_H_
