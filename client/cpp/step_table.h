// The unanswered steps of one connection: their order, deadlines and attempts.
//
// Decides what is sent next and what has failed. Knows no transport and no clock: the channel of
// steps, and the tests, drive it alike.
#ifndef KVSIFT_CLIENT_CPP_STEP_TABLE_H_
#define KVSIFT_CLIENT_CPP_STEP_TABLE_H_

#include <grpcpp/support/slice.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "client/cpp/calls_in_flight.h"
#include "kvsift/client.h"
#include "proto/transport/completion_loop.h"

namespace kvsift::client {

// A step on its way.
struct PendingStep {
  CallsInFlight::Call call;       // goes last, after what the callback holds
  CompletionLoop::Awaiting wait;  // has the loop poll
  grpc::Slice body;               // of its message, as step_message.h makes it
  absl::Time deadline;
  std::vector<int64_t> entry_rows;  // [entries + 1], of the answer
  SelectionCallback done;
  int attempts = 1;  // this one included
};

using StepPtr = std::unique_ptr<PendingStep>;

// Not thread-safe.
class StepTable {
 public:
  // `capacity` bounds the unanswered steps, `attempts` how often one of them is sent.
  StepTable(int capacity, int attempts) : capacity_(capacity), attempts_(attempts) {}

  int capacity() const { return capacity_; }
  bool empty() const { return steps_.empty(); }
  bool has_room() const { return std::ssize(steps_) < capacity_; }

  // REQUIRES: has_room(). Steps are sent in the order in which they were added, again and again.
  void Add(StepPtr step);

  // A step that is to be sent now, with its id; nullptr if there is none. Steps whose deadline has
  // passed are left out. The step stays here and may go with any later call.
  std::pair<uint64_t, const PendingStep*> TakeUnsent(absl::Time now);

  // Takes the step that an answer with this id is for; nullptr if nobody waits for it any more.
  StepPtr TakeAnswered(uint64_t id);

  // The server refused a step for now. Puts it back in its place; or returns it, if it has been
  // sent often enough.
  StepPtr SendAgain(uint64_t id);

  // The stream broke: all steps are unsent, and each counts it as an attempt, so that none waits
  // for those before it to be given up. Returns those that have been sent often enough.
  std::vector<StepPtr> SendAllAgain();

  // Takes the steps whose deadline has passed; those first whose deadline was first.
  std::vector<StepPtr> TakeExpired(absl::Time now);

  // Takes all steps.
  std::vector<StepPtr> TakeAll();

  // The first deadline of a step; the infinite future if there is none.
  absl::Time FirstDeadline() const;

 private:
  StepPtr Take(uint64_t id);

  int capacity_;
  int attempts_;
  uint64_t last_id_ = 0;  // ids ascend: they are the order
  absl::btree_map<uint64_t, StepPtr> steps_;
  absl::btree_set<uint64_t> unsent_;  // a subset of steps_; expired ones may be missing
  absl::btree_set<std::pair<absl::Time, uint64_t>> deadlines_;  // of all steps_
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_STEP_TABLE_H_
