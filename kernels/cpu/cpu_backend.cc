#include "kernels/cpu/cpu_backend.h"

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/cpu_store.h"
#include "kernels/cpu/score_tiles.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/selection_plan.h"
#include "kernels/encode/encode.h"

namespace kvsift {
namespace {

// Work below this runs on the submitting thread: a hand-over and two wake-ups would cost as much,
// and it need not wait for what the executor does.
constexpr int64_t kInlineNanoseconds = 50'000;

// Key writes and reads are cut into pieces of about this many bytes of input or output.
constexpr int64_t kPieceBytes = int64_t{256} << 10;
constexpr int64_t kBytesPerNanosecond = 4;

// Of one thread (kernels/PERFORMANCE.md).
constexpr int64_t kKeyBytesPerUs = 4000;
constexpr int64_t kScoresPerUs = 1000;

// Positions [start, start + count) of a KeyWrite or KeyRead.
struct Piece {
  size_t index;
  int64_t start;
  int64_t count;
};

// Appends pieces of whole tiles, so that no two write the same tile.
void CutIntoPieces(size_t index, int64_t start, int64_t count, int64_t position_bytes,
                   std::pmr::vector<Piece>& pieces) {
  const int64_t tiles = std::max<int64_t>(1, kPieceBytes / (position_bytes * kTilePositions));
  const int64_t end = start + count;
  while (start < end) {
    const int64_t stop = std::min(end, (start / kTilePositions + tiles) * kTilePositions);
    pieces.push_back({index, start, stop - start});
    start = stop;
  }
}

class CpuBackend;

// One submitted batch on its way through its phases: copies, writes, then reads and selections.
class Job {
 public:
  Job(CpuBackend& backend, const Batch& batch, BatchObserver& observer);

  int64_t nanoseconds() const { return nanoseconds_; }

  // Runs everything on this thread.
  static void RunInline(std::unique_ptr<Job> job);

  // Starts the first phase at or after `phase` that has tasks.
  static void Start(std::unique_ptr<Job> job, int phase);

 private:
  static constexpr int kPhases = 3;

  int64_t TaskCount(int phase) const;
  void RunTask(int phase, int64_t task);
  void Write(const Piece& piece);
  void Read(const Piece& piece);
  static void Finish(std::unique_ptr<Job> job);

  CpuBackend& backend_;
  const Batch& batch_;
  BatchObserver& observer_;
  const ScratchPool::Lease scratch_;  // holds what follows
  std::pmr::vector<Piece> writes_;
  std::pmr::vector<Piece> reads_;
  SelectionPlan selections_;
  int64_t nanoseconds_ = 0;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(std::unique_ptr<PageMemory> memory, Executor& executor)
      : memory_(std::move(memory)),
        executor_(executor),
        info_{.name = "cpu",
              .description = std::string(VectorTargetName()) + ", " +
                             std::to_string(executor.concurrency()) + " threads",
              .memory_bytes = memory_->bytes(),
              .pace = {.key_bytes_per_us = kKeyBytesPerUs * executor.concurrency(),
                       .scores_per_us = kScoresPerUs * executor.concurrency()}} {}

  const BackendInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    return std::make_unique<CpuStore>(format, layout);
  }

  std::unique_ptr<PageTable> CreatePageTable(const BackendStore&) override {
    return std::make_unique<CpuPageTable>();
  }

  void Discard(PageAddress address, int64_t bytes) override {
    memory_->Discard(static_cast<int64_t>(address), bytes);
  }

  void Submit(const Batch& batch, BatchObserver& observer) override {
    for (const TableEdit& edit : batch.table_edits) {
      static_cast<CpuPageTable*>(edit.table)->Apply(edit);
    }
    auto job = std::make_unique<Job>(*this, batch, observer);
    if (job->nanoseconds() < kInlineNanoseconds) {
      Job::RunInline(std::move(job));
    } else {
      Job::Start(std::move(job), 0);
    }
  }

 private:
  friend class Job;

  const std::unique_ptr<PageMemory> memory_;
  Executor& executor_;
  const BackendInfo info_;
  ScratchPool scratch_;
};

Job::Job(CpuBackend& backend, const Batch& batch, BatchObserver& observer)
    : backend_(backend),
      batch_(batch),
      observer_(observer),
      scratch_(backend.scratch_.Take()),
      writes_(scratch_.get()),
      reads_(scratch_.get()),
      selections_(batch.selections, backend.executor_.concurrency(), *scratch_) {
  int64_t bytes = 0;
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    const KeyWrite& write = batch.writes[i];
    const int64_t input = std::ssize(write.keys.bytes);
    bytes += input;
    CutIntoPieces(i, write.start, write.count,
                  std::max<int64_t>(1, input / std::max<int64_t>(1, write.count)), writes_);
  }
  for (size_t i = 0; i < batch.reads.size(); ++i) {
    const KeyRead& read = batch.reads[i];
    const int64_t output = std::ssize(read.codes);
    bytes += output;
    CutIntoPieces(i, read.start, read.count,
                  std::max<int64_t>(1, output / std::max<int64_t>(1, read.count)), reads_);
  }
  for (const PageCopy& copy : batch.page_copies) {
    bytes += static_cast<const CpuStore&>(*copy.store).layout.page_bytes;
  }
  nanoseconds_ = bytes / kBytesPerNanosecond + selections_.nanoseconds();
}

int64_t Job::TaskCount(int phase) const {
  if (phase == 0) return std::ssize(batch_.page_copies);
  if (phase == 1) return std::ssize(writes_);
  return std::ssize(reads_) + selections_.task_count();
}

void Job::RunTask(int phase, int64_t task) {
  std::byte* memory = backend_.memory_->data();
  const size_t index = static_cast<size_t>(task);
  if (phase == 0) {
    const PageCopy& copy = batch_.page_copies[index];
    std::copy_n(memory + copy.from, static_cast<const CpuStore&>(*copy.store).layout.page_bytes,
                memory + copy.to);
  } else if (phase == 1) {
    Write(writes_[index]);
  } else if (index < reads_.size()) {
    Read(reads_[index]);
  } else {
    selections_.RunTask(task - std::ssize(reads_), memory, backend_.scratch_);
  }
}

void Job::Write(const Piece& piece) {
  const KeyWrite& write = batch_.writes[piece.index];
  const KeyTiles tiles(backend_.memory_->data(), *write.store, *write.table, write.layer);
  const int64_t position_bytes = std::ssize(write.keys.bytes) / write.count;
  const auto input =
      write.keys.bytes.subspan(static_cast<size_t>((piece.start - write.start) * position_bytes),
                               static_cast<size_t>(piece.count * position_bytes));
  if (!write.keys.raw) {
    tiles.Write(piece.start, piece.count, input.data());
    return;
  }
  const StoreFormat& format = tiles.store().format;
  const ScratchPool::Lease scratch = backend_.scratch_.Take();
  const auto codes = scratch->Array<std::byte>(piece.count * format.shape.key_bytes_per_position());
  EncodeKeys(format, write.layer, *write.keys.raw, input, codes);
  tiles.Write(piece.start, piece.count, codes.data());
}

void Job::Read(const Piece& piece) {
  const KeyRead& read = batch_.reads[piece.index];
  const KeyTiles tiles(backend_.memory_->data(), *read.store, *read.table, read.layer);
  const int64_t position_bytes = tiles.store().format.shape.key_bytes_per_position();
  tiles.Read(piece.start, piece.count,
             read.codes.data() + (piece.start - read.start) * position_bytes);
}

void Job::RunInline(std::unique_ptr<Job> job) {
  for (int phase = 0; phase < kPhases; ++phase) {
    for (int64_t task = 0; task < job->TaskCount(phase); ++task) job->RunTask(phase, task);
  }
  Finish(std::move(job));
}

void Job::Start(std::unique_ptr<Job> job, int phase) {
  while (phase < kPhases && job->TaskCount(phase) == 0) ++phase;
  if (phase == kPhases) return Finish(std::move(job));
  Job* const running = job.release();  // a std::function can only hold what can be copied
  running->backend_.executor_.Run(
      running->TaskCount(phase), [running, phase](int64_t task) { running->RunTask(phase, task); },
      [running, phase] { Start(std::unique_ptr<Job>(running), phase + 1); });
}

void Job::Finish(std::unique_ptr<Job> job) {
  const Batch& batch = job->batch_;
  BatchObserver& observer = job->observer_;
  // First, so that what the observer submits finds the scratch free, and so that the observer may
  // end the backend.
  job.reset();
  observer.OnBatchDone(batch, absl::OkStatus());
}

}  // namespace

absl::Status CheckCpuBackend() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("sse4.2")) {
    return absl::FailedPreconditionError("backend: cpu needs SSE4.2, which this machine lacks");
  }
#endif
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Backend>> CreateCpuBackend(std::unique_ptr<PageMemory> memory,
                                                          Executor& executor) {
  if (const absl::Status status = CheckCpuBackend(); !status.ok()) return status;
  return std::make_unique<CpuBackend>(std::move(memory), executor);
}

}  // namespace kvsift
