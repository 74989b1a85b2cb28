#include "server/engine/scheduler.h"

#include <thread>
#include <utility>

namespace kvsift {

// One batch and the works it is for.
class Scheduler::Round final : public BatchObserver {
 public:
  explicit Round(Scheduler& scheduler)
      : scheduler_(scheduler), submitter_(std::this_thread::get_id()) {}

  // Submits the batch. Returns true if it completed on this thread before Submit returned; then
  // nobody has heard of it yet. `self` is this round, kept until the backend is done with it.
  bool Submit(std::shared_ptr<Round> self) {
    self_ = std::move(self);
    submitting_ = true;
    scheduler_.backend_.Submit(batch, *this);
    submitting_ = false;
    return completed_inside_;
  }

  void OnBatchDone(const Batch&, absl::Status status) override {
    const std::shared_ptr<Round> self = std::move(self_);
    scheduler_.ReportFailure(status);
    for (Work* work : batched) work->OnBatchDone(status);
    // Only the submitting thread touches these two.
    if (std::this_thread::get_id() == submitter_ && submitting_) {
      completed_inside_ = true;
      return;
    }
    scheduler_.Resume(*this);
  }

  Batch batch;
  std::vector<Work*> batched;
  std::vector<Work*> done;

 private:
  Scheduler& scheduler_;
  const std::thread::id submitter_;
  bool submitting_ = false;
  bool completed_inside_ = false;
  std::shared_ptr<Round> self_;
};

Scheduler::Scheduler(Backend& backend, std::function<void(const absl::Status&)> on_failure)
    : backend_(backend), on_failure_(std::move(on_failure)), pool_(backend) {}

Scheduler::~Scheduler() {
  MutexLock lock(mutex_);
  while (busy_ > 0) idle_.Wait(mutex_);
}

bool Scheduler::Admit(Store& store, std::span<Work* const> works) {
  {
    MutexLock lock(mutex_);
    if (store.deleted()) return false;
    EnterTurns(store, works);
  }
  Pump();
  return true;
}

void Scheduler::Close(Store& store, const std::function<Work*(uint64_t id)>& make) {
  {
    MutexLock lock(mutex_);
    store.set_deleted();
    std::vector<Work*> works;
    for (const uint64_t id : store.SlotIds()) works.push_back(make(id));
    EnterTurns(store, works);
  }
  Pump();
}

void Scheduler::EnterTurns(Store& store, std::span<Work* const> works) {
  for (Work* work : works) {
    for (SequenceTurn& turn : work->turns()) {
      turn.store = &store;
      turn.slot = &store.SlotFor(turn.id);
      if (!turn.slot->turns.Enter(turn)) ++work->awaited_turns_;
    }
    if (work->awaited_turns_ == 0) ready_.push_back(work);
  }
  // The works, and the caller, who will pump.
  busy_ += std::ssize(works) + 1;
}

void Scheduler::ReportFailure(const absl::Status& status) {
  if (!absl::IsUnavailable(status) || has_failed_.exchange(true)) return;
  if (on_failure_) on_failure_(status);
}

void Scheduler::Inspect(const std::function<void(PagePool& pool)>& inspect) {
  MutexLock lock(mutex_);
  inspect(pool_);
}

void Scheduler::Pump() {
  std::shared_ptr<Round> round;
  bool completed = false;  // the batch of `round`, inside Submit
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (round != nullptr) busy_ -= std::ssize(round->done);
      if (completed) MakeReady(*round);
      round = TakeRound();
      if (round == nullptr) {
        // After the last one has left nothing of this object is touched.
        if (--busy_ == 0) idle_.SignalAll();
        return;
      }
    }
    completed = !round->batched.empty() && round->Submit(round);
    for (Work* work : round->done) work->Finish();
  }
}

std::shared_ptr<Scheduler::Round> Scheduler::TakeRound() {
  if (ready_.empty()) return nullptr;
  auto round = std::make_shared<Round>(*this);
  // Ended turns make more works ready, which join the same round.
  for (size_t i = 0; i < ready_.size(); ++i) {
    Work* work = ready_[i];
    if (work->Advance(pool_, round->batch) == Work::Progress::kBatched) {
      round->batched.push_back(work);
    } else {
      EndTurns(*work);
      round->done.push_back(work);
    }
  }
  ready_.clear();
  return round;
}

void Scheduler::EndTurns(Work& work) {
  for (SequenceTurn& turn : work.turns()) {
    turn.slot->turns.Leave(turn, begun_);
    turn.store->EraseIfIdle(*turn.slot);
  }
  for (Turn* turn : begun_) {
    Work* waiter = static_cast<SequenceTurn*>(turn)->work;
    if (--waiter->awaited_turns_ == 0) ready_.push_back(waiter);
  }
  begun_.clear();
}

void Scheduler::Resume(const Round& round) {
  {
    MutexLock lock(mutex_);
    MakeReady(round);
    ++busy_;
  }
  Pump();
}

void Scheduler::MakeReady(const Round& round) {
  ready_.insert(ready_.end(), round.batched.begin(), round.batched.end());
}

}  // namespace kvsift
