#include "server/engine/scheduler.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace kvsift {

namespace {

// What a work costs beside what its pieces say: turns, checks, a callback.
constexpr double kWorkUs = 0.5;

// Batches of more works than so many are carried on by the executor, which also finishes their
// works, so many a task: publishing them, preparing the next batch, serialising and sending answers
// take longer than a device should wait, or the thread that watches it.
constexpr int64_t kWorksPerTask = 16;

// A batch for a GPU with more bytes of keys than so many takes too long to prepare, which copies
// them, for a thread that others wait for.
constexpr int64_t kHeavyBytes = 1 << 20;

constexpr double Microseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count());
}

}  // namespace

// One batch and the works it is for. Used again and again, so that its arrays keep their memory.
class Scheduler::Round final : public BatchObserver {
 public:
  explicit Round(Scheduler& scheduler) : scheduler_(scheduler) {}

  // Submits the batch. Returns true if it completed on this thread before Submit returned; then
  // nobody has heard of it yet.
  bool Submit() {
    submitter_ = std::this_thread::get_id();
    submitting_ = true;
    completed_inside_ = false;
    submitted_ = scheduler_.Now();
    scheduler_.backend_.Submit(draft.batch, *this);
    submitting_ = false;
    return completed_inside_;
  }

  void OnBatchDone(const Batch&, absl::Status status) override {
    scheduler_.ReportFailure(status);
    if (EngineObserver* const observer = scheduler_.options_.observer; observer != nullptr) {
      draft.report.device_time = scheduler_.Now() - submitted_;
      draft.report.ok = status.ok();
      observer->OnBatch(draft.report);
    }
    // Only the submitting thread touches these two.
    if (std::this_thread::get_id() == submitter_ && submitting_) {
      for (Work* work : batched) work->OnBatchDone(status);
      completed_inside_ = true;
      return;
    }
    Executor* const executor = scheduler_.options_.executor;
    if (executor == nullptr || scheduler_.is_host_) {
      return CarryOn(status, ThreadKind::kExecutor);
    }
    if (std::ssize(batched) <= kWorksPerTask) return CarryOn(status, ThreadKind::kWatcher);
    status_ = std::move(status);
    executor->Run(
        1, [this](int64_t) { CarryOn(status_, ThreadKind::kExecutor); }, [] {});
  }

  Clock::time_point submitted() const { return submitted_; }

  BatchDraft draft;
  std::vector<Work*> batched;
  std::vector<Work*> done;
  std::vector<Clock::time_point> begun;  // when the requests that begin here were admitted
  bool is_quick = false;                 // has quick works alone
  bool tells_elsewhere = false;          // the executor finishes `done`
  // Who may still touch the round: its submitter, the device, the executor. Guarded by the
  // scheduler's mutex.
  int users = 0;

 private:
  void CarryOn(const absl::Status& status, ThreadKind thread) {
    for (Work* work : batched) work->OnBatchDone(status);
    scheduler_.Resume(*this, thread);
  }

  Scheduler& scheduler_;
  absl::Status status_;  // on its way to the executor
  std::thread::id submitter_;
  Clock::time_point submitted_;
  bool submitting_ = false;
  bool completed_inside_ = false;
};

Scheduler::Scheduler(Backend& backend, Options options)
    : backend_(backend),
      options_(std::move(options)),
      is_host_(backend.info().sharing == DeviceSharing::kNotShared),
      pool_(backend),
      pace_(backend.info()) {}

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
  Pump(ThreadKind::kCaller);
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
  Pump(ThreadKind::kCaller);
}

void Scheduler::EnterTurns(Store& store, std::span<Work* const> works) {
  const Clock::time_point now = Now();
  for (Work* work : works) {
    work->admitted_ = now;
    for (SequenceTurn& turn : work->turns()) {
      turn.store = &store;
      turn.slot = &store.SlotFor(turn.id);
      if (!turn.slot->turns.Enter(turn)) ++work->awaited_turns_;
    }
    if (work->awaited_turns_ == 0) ready_.Push(*work);
  }
  if (!works.empty()) works.front()->reports_start_ = true;
  // The works, and the caller, who will pump.
  busy_ += std::ssize(works) + 1;
}

void Scheduler::ReportFailure(const absl::Status& status) {
  if (!absl::IsUnavailable(status) || has_failed_.exchange(true)) return;
  if (options_.on_failure) options_.on_failure(status);
}

void Scheduler::Inspect(const std::function<void(PagePool& pool)>& inspect) {
  MutexLock lock(mutex_);
  inspect(pool_);
}

void Scheduler::Pump(ThreadKind thread, Round* round) {
  bool has_completed = round != nullptr && Carry(*round);
  for (;;) {
    bool is_left = false;
    {
      MutexLock lock(mutex_);
      if (round != nullptr) Settle(*round, has_completed);
      round = TakeRound();
      if (round == nullptr) {
        // After the last one has left nothing of this object is touched.
        if (--busy_ == 0) idle_.SignalAll();
        return;
      }
      is_left = IsTooLongFor(thread, *round);
      if (is_left) ++busy_;  // for who takes it
    }
    if (is_left) {
      options_.executor->Run(
          1, [this, round](int64_t) { Pump(ThreadKind::kExecutor, round); }, [] {});
      round = nullptr;
    } else {
      has_completed = Carry(*round);
    }
  }
}

bool Scheduler::Carry(Round& round) {
  for (const Clock::time_point admitted : round.begun) {
    options_.observer->OnStarted(round.draft.now - admitted);
  }
  const bool has_completed = !round.batched.empty() && round.Submit();
  if (round.tells_elsewhere) {
    TellElsewhere(round);
  } else {
    for (Work* work : round.done) work->Finish();
  }
  return has_completed;
}

bool Scheduler::IsTooLongFor(ThreadKind thread, const Round& round) const {
  if (thread == ThreadKind::kExecutor || is_host_ || options_.executor == nullptr) return false;
  if (round.draft.report.key_bytes > kHeavyBytes) return true;
  return thread == ThreadKind::kWatcher && std::ssize(round.batched) > kWorksPerTask;
}

void Scheduler::Settle(Round& round, bool has_completed) {
  if (!round.tells_elsewhere) busy_ -= std::ssize(round.done);
  if (has_completed) TakeBack(round);
  Leave(round);
}

void Scheduler::TellElsewhere(Round& round) {
  const int64_t tasks = (std::ssize(round.done) + kWorksPerTask - 1) / kWorksPerTask;
  options_.executor->Run(
      tasks,
      [&round](int64_t task) {
        const int64_t first = task * kWorksPerTask;
        const int64_t end = std::min(first + kWorksPerTask, std::ssize(round.done));
        for (int64_t i = first; i < end; ++i) round.done[i]->Finish();
      },
      [this, &round] {
        MutexLock lock(mutex_);
        busy_ -= std::ssize(round.done);
        Leave(round);
        if (busy_ == 0) idle_.SignalAll();
      });
}

int Scheduler::MostBatches() const { return is_host_ ? kHostBatches : kGpuBatches; }

Scheduler::Room Scheduler::FindRoom() const {
  const bool is_full = batches_ >= MostBatches();
  if (quick_batches_ < kQuickBatches && (is_full || ready_.has_quick())) return Room::kQuick;
  return is_full ? Room::kNone : Room::kAll;
}

bool Scheduler::HasWorkFor(Room room) const {
  if (room == Room::kNone) return false;
  return room == Room::kAll ? !ready_.empty() : ready_.has_quick();
}

Scheduler::Round* Scheduler::TakeRound() {
  const Room room = FindRoom();
  if (ended_.empty() && !HasWorkFor(room)) return nullptr;
  Round& round = NewRound();
  BatchDraft& draft = round.draft;
  round.is_quick = room == Room::kQuick;
  if (round.is_quick) draft.room_us = Microseconds(kPieceTime);
  for (Work* work : ended_) Advance(*work, round);
  ended_.clear();
  // Ended turns make more works ready, which join the same round.
  while (draft.room_us > 0 && HasWorkFor(room)) {
    Work& work = round.is_quick ? ready_.PopQuick() : ready_.Pop();
    const double most = ready_.empty() ? Microseconds(kBatchTime) : Microseconds(kPieceTime);
    draft.piece_us = std::min(draft.room_us, most);
    const double spent_us = draft.spent_us;
    draft.Spend(kWorkUs);
    Advance(work, round);
    ready_.Charge(draft.spent_us - spent_us);
  }
  if (!round.batched.empty()) {
    ++(round.is_quick ? quick_batches_ : batches_);
    ++round.users;
  }
  round.tells_elsewhere = options_.executor != nullptr && std::ssize(round.done) > kWorksPerTask;
  if (round.tells_elsewhere) ++round.users;
  return &round;
}

void Scheduler::Advance(Work& work, Round& round) {
  if (work.reports_start_) {
    work.reports_start_ = false;
    if (options_.observer != nullptr) round.begun.push_back(work.admitted_);
  }
  const Work::Progress progress = work.Advance(pool_, round.draft);
  if (progress == Work::Progress::kDone) {
    EndTurns(work);
    round.done.push_back(&work);
    return;
  }
  work.has_more_ = progress == Work::Progress::kMore;
  round.batched.push_back(&work);
  ++round.draft.report.works;
}

Scheduler::Round& Scheduler::NewRound() {
  if (unused_.empty()) {
    rounds_.push_back(std::make_unique<Round>(*this));
    unused_.push_back(rounds_.back().get());
  }
  Round& round = *unused_.back();
  unused_.pop_back();
  round.users = 1;
  round.draft.now = Now();
  round.draft.pace = pace_.pace();
  round.draft.room_us = Microseconds(kBatchTime);
  round.draft.report.shard = options_.shard;
  return round;
}

void Scheduler::Leave(Round& round) {
  if (--round.users > 0) return;
  round.draft.Reset();
  round.batched.clear();
  round.done.clear();
  round.begun.clear();
  unused_.push_back(&round);
}

void Scheduler::EndTurns(Work& work) {
  for (SequenceTurn& turn : work.turns()) {
    turn.slot->turns.Leave(turn, begun_);
    turn.store->EraseIfIdle(*turn.slot);
  }
  for (Turn* turn : begun_) {
    Work* waiter = static_cast<SequenceTurn*>(turn)->work;
    if (--waiter->awaited_turns_ == 0) ready_.Push(*waiter);
  }
  begun_.clear();
}

void Scheduler::Resume(Round& round, ThreadKind thread) {
  {
    MutexLock lock(mutex_);
    TakeBack(round);
    ++busy_;
  }
  Pump(thread);
}

void Scheduler::TakeBack(Round& round) {
  --(round.is_quick ? quick_batches_ : batches_);
  if (pace_.learns()) pace_.Learn(round.draft.spent_us, round.submitted(), Now());
  for (Work* work : round.batched) {
    if (work->has_more_) {
      ready_.Push(*work);
    } else {
      ended_.push_back(work);
    }
  }
  Leave(round);
}

}  // namespace kvsift
