#include "kernels/cuda/cuda_backend.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/batch_run.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/device_facts.h"
#include "kernels/cuda/page_space.h"
#include "kernels/cuda/store.h"

namespace kvsift {
namespace {

using cuda::BatchRun;
using cuda::CudaPageTable;
using cuda::CudaStore;
using cuda::DeviceStatus;

// Batches that write, copy and read up to this many bytes are urgent.
constexpr int64_t kUrgentBytes = int64_t{1} << 20;

// Batches that move up to so many bytes and select from up to so many keys are quick.
constexpr int64_t kQuickBytes = int64_t{64} << 10;
constexpr int64_t kQuickKeys = int64_t{1} << 20;

int64_t MovedBytes(const Batch& batch) {
  int64_t bytes = 0;
  for (const KeyWrite& write : batch.writes) bytes += std::ssize(write.keys.bytes);
  for (const KeyRead& read : batch.reads) bytes += std::ssize(read.codes);
  return bytes;
}

bool SelectsFromFew(const Batch& batch) {
  int64_t keys = 0;
  for (const Selection& selection : batch.selections) {
    const auto& shape = static_cast<const CudaStore*>(selection.store)->shape();
    for (const int64_t visible : selection.visible) keys += visible * shape.kv_heads;
  }
  return keys <= kQuickKeys;
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(const CudaOptions& options, BackendInfo info, const cuda::SelectDevice& device)
      : options_(options), info_(std::move(info)), device_(device) {}
  ~CudaBackend() override;

  // Reserves memory and starts to poll, as two tasks of `completions`.
  absl::Status Start(Executor& completions);

  const BackendInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override;
  std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) override;
  absl::Status Provide(PageAddress address, int64_t bytes) override {
    return Noted(pages_.Provide(static_cast<int64_t>(address), bytes));
  }
  void Discard(PageAddress, int64_t) override {}  // what was reserved stays
  void Submit(const Batch& batch, BatchObserver& observer) override;

 private:
  struct Lane;
  struct Work {
    const Batch* batch;
    BatchObserver* observer;
    Lane* lane;
    BatchRun* run = nullptr;
    absl::Status started;
  };
  // What one task of `completions` polls. Guarded by mutex_, but for has_launched.
  struct Poller {
    std::vector<Work> launched;              // that it has yet to take
    std::atomic<bool> has_launched = false;  // what it sees of that without the lock
    std::condition_variable changed;
    bool polling = false;
  };
  struct Lane {
    explicit Lane(Poller& its_poller) : poller(its_poller) {}

    Poller& poller;
    std::vector<std::unique_ptr<BatchRun>> runs;
    std::vector<BatchRun*> free_runs;  // guarded by mutex_
    std::deque<Work> waiting;          // for a run; guarded by mutex_

    BatchRun* TakeRun();  // REQUIRES: mutex_ is held and there is a free one
  };

  absl::Status ReservePages();
  absl::Status CreateRuns(Lane& lane, int count, cuda::Priority priority,
                          const cuda::FirstRoom& room);
  Lane& LaneOf(const Batch& batch);
  void Launch(Work& work);
  void Complete(const Work& work);
  absl::Status Finish(const Work& work);
  // `status`, made the failure of the backend if it is one, with the device's number.
  absl::Status Noted(absl::Status status);
  absl::Status failure();
  void StartWaiting(Lane& lane);
  void HandToPoller(Work work);
  void PollCompletions(Poller& poller);
  bool TakeLaunched(Poller& poller, std::vector<Work>& polled);

  const CudaOptions options_;
  const BackendInfo info_;
  const cuda::SelectDevice device_;
  cuda::PageSpace pages_;
  cuda::Stream housekeeping_;
  // Answers of a large batch take long to hand over, which a quick one need not wait for.
  Poller quick_poller_;
  Poller poller_;
  Lane quick_{quick_poller_};
  Lane urgent_{poller_};
  Lane bulk_{poller_};

  std::mutex mutex_;
  int under_way_ = 0;      // batches that have a run; guarded by mutex_
  absl::Status failure_;   // what ended all work for good; guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
};

absl::Status CudaBackend::Start(Executor& completions) {
  absl::Status status = ReservePages();
  if (status.ok()) status = housekeeping_.Create();
  if (!status.ok()) return status;
  cudaMemPool_t pool = nullptr;
  uint64_t keep = UINT64_MAX;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaDeviceGetDefaultMemPool(&pool, options_.device));
  KVSIFT_RETURN_IF_CUDA_ERROR(
      cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
  KVSIFT_RETURN_IF_CUDA_ERROR(cuda::PrepareSelect(device_.shared_bytes));
  KVSIFT_RETURN_IF_CUDA_ERROR(cuda::PrepareMerge(device_.shared_bytes));
  status = CreateRuns(quick_, options_.quick_batches, cuda::Priority::kHigh, {});
  if (status.ok()) {
    status =
        CreateRuns(urgent_, options_.urgent_batches, cuda::Priority::kMiddle, options_.urgent_room);
  }
  if (status.ok()) {
    status = CreateRuns(bulk_, options_.bulk_batches, cuda::Priority::kLow, options_.bulk_room);
  }
  if (!status.ok()) return status;
  for (Poller* poller : {&quick_poller_, &poller_}) {
    poller->launched.reserve(quick_.runs.size() + urgent_.runs.size() + bulk_.runs.size());
    poller->polling = true;
    completions.Run(
        1, [this, poller](int64_t) { PollCompletions(*poller); }, [] {});
  }
  return absl::OkStatus();
}

absl::Status CudaBackend::CreateRuns(Lane& lane, int count, cuda::Priority priority,
                                     const cuda::FirstRoom& room) {
  const cuda::BatchTuning tuning{.select = options_.tuning, .crossing = options_.crossing};
  for (int i = 0; i < count; ++i) {
    lane.runs.push_back(
        std::make_unique<BatchRun>(pages_.data(), tuning, device_, device_.shared_bytes));
    absl::Status status = lane.runs.back()->Create(priority, room);
    if (!status.ok()) return status;
    lane.free_runs.push_back(lane.runs.back().get());
  }
  return absl::OkStatus();
}

absl::Status CudaBackend::ReservePages() {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaSetDevice(options_.device));
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemGetInfo(&free_bytes, &total_bytes));
  absl::Status status = pages_.Reserve(options_.device, options_.memory_bytes, options_.grows);
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::ResourceExhaustedError(
      absl::StrCat("memory of ", options_.memory_bytes, " bytes is asked for; CUDA device ",
                   options_.device, " has ", free_bytes, " of ", total_bytes, " free"));
}

CudaBackend::~CudaBackend() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (Poller* poller : {&quick_poller_, &poller_}) {
      poller->changed.notify_all();
      poller->changed.wait(lock, [&] { return !poller->polling; });
    }
  }
  cudaSetDevice(options_.device);
  cudaDeviceSynchronize();
}

absl::StatusOr<std::unique_ptr<BackendStore>> CudaBackend::CreateStore(const StoreFormat& format,
                                                                       const PageLayout& layout) {
  absl::Status status = failure();
  if (status.ok()) status = Noted(DeviceStatus(cudaSetDevice(options_.device), "cudaSetDevice"));
  if (!status.ok()) return status;
  auto store = CudaStore::Create(format, layout);
  if (!store.ok()) return Noted(store.status());
  return *std::move(store);
}

std::unique_ptr<PageTable> CudaBackend::CreatePageTable(const BackendStore&) {
  return std::make_unique<CudaPageTable>(housekeeping_.get());
}

BatchRun* CudaBackend::Lane::TakeRun() {
  BatchRun* run = free_runs.back();
  free_runs.pop_back();
  return run;
}

CudaBackend::Lane& CudaBackend::LaneOf(const Batch& batch) {
  const int64_t bytes = MovedBytes(batch);
  if (bytes <= kQuickBytes && SelectsFromFew(batch)) return quick_;
  return bytes <= kUrgentBytes ? urgent_ : bulk_;
}

void CudaBackend::Submit(const Batch& batch, BatchObserver& observer) {
  if (absl::Status failed = failure(); !failed.ok()) {
    return observer.OnBatchDone(batch, std::move(failed));
  }
  Lane& lane = LaneOf(batch);
  Work work{.batch = &batch, .observer = &observer, .lane = &lane, .run = nullptr, .started = {}};
  bool alone = false;
  {
    const std::lock_guard lock(mutex_);
    if (lane.free_runs.empty()) {
      lane.waiting.push_back(work);
      return;
    }
    alone = under_way_++ == 0;
    work.run = lane.TakeRun();
  }
  Launch(work);
  // A thread that waited for more would be missing where it came from: who appends much receives
  // the next keys meanwhile.
  if (!alone || &lane != &quick_) return HandToPoller(std::move(work));
  while (work.started.ok() && !work.run->Done()) {
  }
  Complete(work);
}

void CudaBackend::Launch(Work& work) {
  work.started = failure();  // of a batch that waited
  if (!work.started.ok()) return;
  work.started = DeviceStatus(cudaSetDevice(options_.device), "cudaSetDevice");
  if (work.started.ok()) work.started = work.run->Start(*work.batch);
}

// Ends a batch: its run is free again before the observer hears of it, because the observer may
// submit the next one.
void CudaBackend::Complete(const Work& work) {
  absl::Status status = Noted(Finish(work));
  {
    const std::lock_guard lock(mutex_);
    --under_way_;
    work.lane->free_runs.push_back(work.run);
  }
  work.observer->OnBatchDone(*work.batch, std::move(status));
  StartWaiting(*work.lane);
}

absl::Status CudaBackend::Finish(const Work& work) {
  if (work.started.ok()) return work.run->Finish(*work.batch);
  // A part of it may run, and what it uses will be used again. Its answers are left where they are.
  cudaDeviceSynchronize();
  return work.started;
}

absl::Status CudaBackend::Noted(absl::Status status) {
  if (!absl::IsUnavailable(status)) return status;
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) {
    failure_ = absl::UnavailableError(
        absl::StrCat("CUDA device ", options_.device, ": ", status.message()));
  }
  return failure_;
}

absl::Status CudaBackend::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

// Starts batches that found no run, while there are runs.
void CudaBackend::StartWaiting(Lane& lane) {
  for (;;) {
    Work work;
    {
      const std::lock_guard lock(mutex_);
      if (lane.waiting.empty() || lane.free_runs.empty()) return;
      work = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      ++under_way_;
      work.run = lane.TakeRun();
    }
    Launch(work);
    HandToPoller(std::move(work));
  }
}

void CudaBackend::HandToPoller(Work work) {
  Poller& poller = work.lane->poller;
  const std::lock_guard lock(mutex_);
  poller.launched.push_back(std::move(work));
  poller.has_launched.store(true, std::memory_order_relaxed);
  poller.changed.notify_one();
}

// Looks at the batches that it has without the lock, which a thread that submits would wait for.
void CudaBackend::PollCompletions(Poller& poller) {
  cudaSetDevice(options_.device);
  std::vector<Work> polled;
  while (TakeLaunched(poller, polled)) {
    const auto done = std::find_if(polled.begin(), polled.end(), [](const Work& work) {
      return !work.started.ok() || work.run->Done();
    });
    if (done == polled.end()) {
      sched_yield();
      continue;
    }
    const Work work = std::move(*done);
    polled.erase(done);
    Complete(work);
  }
}

// Moves what was launched to `polled`, and waits for something where that is empty. False, with
// `polling` off, once the backend stops.
bool CudaBackend::TakeLaunched(Poller& poller, std::vector<Work>& polled) {
  if (!polled.empty() && !poller.has_launched.load(std::memory_order_relaxed)) return true;
  std::unique_lock lock(mutex_);
  std::vector<Work>& launched = poller.launched;
  if (polled.empty()) poller.changed.wait(lock, [&] { return stopping_ || !launched.empty(); });
  std::move(launched.begin(), launched.end(), std::back_inserter(polled));
  launched.clear();
  poller.has_launched.store(false, std::memory_order_relaxed);
  if (!polled.empty()) return true;
  poller.polling = false;
  poller.changed.notify_all();  // under the lock: then this object may be gone
  return false;
}

BackendInfo InfoOf(const CudaOptions& options, const cuda::DeviceFacts& facts) {
  return {.name = "cuda",
          .description =
              absl::StrCat(facts.name, ", compute capability ", facts.major, ".", facts.minor),
          .memory_bytes = options.memory_bytes,
          .device = options.device,
          .sharing = facts.is_served_by_mps ? DeviceSharing::kMps : DeviceSharing::kTimeSliced,
          // The bus, and scans of large batches (PERFORMANCE.md).
          .pace = {.key_bytes_per_us = 20'000, .scores_per_us = 400'000}};
}

// The device as the planner sees it.
cuda::SelectDevice PlannedDevice(const cuda::DeviceFacts& facts) {
  return {.processors = facts.processors,
          .shared_bytes = static_cast<int32_t>(facts.shared_bytes) - 8192};
}

}  // namespace

absl::Status CheckCudaBackend(int device) { return cuda::ExamineDevice(device).status(); }

int64_t CudaDeviceMemory(int device) {
  const auto facts = cuda::ExamineDevice(device);
  return facts.ok() ? facts->memory_bytes : 0;
}

absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(const CudaOptions& wanted,
                                                           Executor& completions) {
  const auto facts = cuda::ExamineDevice(wanted.device);
  if (!facts.ok()) return facts.status();
  CudaOptions options = wanted;
  if (facts->major < 9) options.tuning.largest_cluster = 1;  // clusters came with 9.0
  auto backend =
      std::make_unique<CudaBackend>(options, InfoOf(options, *facts), PlannedDevice(*facts));
  absl::Status status = backend->Start(completions);
  if (!status.ok()) return status;
  return backend;
}

}  // namespace kvsift
