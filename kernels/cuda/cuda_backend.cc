#include "kernels/cuda/cuda_backend.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/batch_run.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/device_facts.h"
#include "kernels/cuda/store.h"

namespace kvsift {
namespace {

using cuda::BatchRun;
using cuda::CudaPageTable;
using cuda::CudaStore;
using cuda::DeviceStatus;

// Work up to this many keys and bytes is waited for on the submitting thread.
constexpr int64_t kInlineKeys = int64_t{1} << 20;
constexpr int64_t kInlineBytes = int64_t{1} << 20;

bool IsSmall(const Batch& batch) {
  int64_t keys = 0;
  int64_t bytes = 0;
  for (const KeyWrite& write : batch.writes) bytes += std::ssize(write.keys.bytes);
  for (const KeyRead& read : batch.reads) bytes += std::ssize(read.codes);
  for (const Selection& selection : batch.selections) {
    const auto& shape = static_cast<const CudaStore*>(selection.store)->shape();
    for (const int64_t visible : selection.visible) keys += visible * shape.kv_heads;
  }
  return keys <= kInlineKeys && bytes <= kInlineBytes;
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(const CudaOptions& options, BackendInfo info, const cuda::SelectDevice& device)
      : options_(options), info_(std::move(info)), device_(device) {}
  ~CudaBackend() override;

  // Reserves memory and starts to poll, as one task of `completions`.
  absl::Status Start(Executor& completions);

  const BackendInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override;
  std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) override;
  void Discard(PageAddress, int64_t) override {}  // the reservation stays
  void Submit(const Batch& batch, BatchObserver& observer) override;

 private:
  struct Work {
    const Batch* batch;
    BatchObserver* observer;
    BatchRun* run = nullptr;
    absl::Status started;
  };

  absl::Status ReservePages();
  void Launch(Work& work);
  void Complete(const Work& work);
  absl::Status Finish(const Work& work);
  // `status`, made the failure of the backend if it is one, with the device's number.
  absl::Status Noted(absl::Status status);
  absl::Status failure();
  BatchRun* TakeRun();  // null if all are in use
  void GiveBack(BatchRun* run);
  void PollCompletions();
  void StartWaiting();

  const CudaOptions options_;
  const BackendInfo info_;
  const cuda::SelectDevice device_;
  cuda::DeviceBuffer pages_;
  cuda::Stream housekeeping_;
  std::vector<std::unique_ptr<BatchRun>> runs_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<BatchRun*> free_runs_;  // guarded by mutex_
  std::deque<Work> waiting_;          // for a run; guarded by mutex_
  std::deque<Work> in_flight_;        // to be polled; guarded by mutex_
  absl::Status failure_;              // what ended all work for good; guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  bool polling_ = false;              // guarded by mutex_
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
  for (int i = 0; i < options_.batches_in_flight; ++i) {
    runs_.push_back(std::make_unique<BatchRun>(reinterpret_cast<uint8_t*>(pages_.data()),
                                               options_.tuning, device_, device_.shared_bytes));
    status = runs_.back()->Create();
    if (!status.ok()) return status;
    free_runs_.push_back(runs_.back().get());
  }
  polling_ = true;
  completions.Run(
      1, [this](int64_t) { PollCompletions(); }, [] {});
  return absl::OkStatus();
}

absl::Status CudaBackend::ReservePages() {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaSetDevice(options_.device));
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemGetInfo(&free_bytes, &total_bytes));
  absl::Status status = pages_.ReserveExactly(options_.memory_bytes);
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::ResourceExhaustedError(
      absl::StrCat("memory of ", options_.memory_bytes, " bytes is asked for; CUDA device ",
                   options_.device, " has ", free_bytes, " of ", total_bytes, " free"));
}

CudaBackend::~CudaBackend() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !polling_; });
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

void CudaBackend::Submit(const Batch& batch, BatchObserver& observer) {
  Work work{.batch = &batch, .observer = &observer, .run = nullptr, .started = {}};
  if (absl::Status failed = failure(); !failed.ok()) {
    return observer.OnBatchDone(batch, std::move(failed));
  }
  bool alone = false;
  {
    const std::lock_guard lock(mutex_);
    alone = in_flight_.empty() && free_runs_.size() == runs_.size();
    work.run = TakeRun();
    if (work.run == nullptr) {
      waiting_.push_back(work);
      return;
    }
  }
  Launch(work);
  if (alone && IsSmall(batch)) {
    while (work.started.ok() && !work.run->Done()) {
    }
    Complete(work);
    StartWaiting();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    in_flight_.push_back(std::move(work));
  }
  changed_.notify_one();
}

BatchRun* CudaBackend::TakeRun() {
  if (free_runs_.empty()) return nullptr;
  BatchRun* run = free_runs_.back();
  free_runs_.pop_back();
  return run;
}

void CudaBackend::GiveBack(BatchRun* run) {
  const std::lock_guard lock(mutex_);
  free_runs_.push_back(run);
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
  GiveBack(work.run);
  work.observer->OnBatchDone(*work.batch, std::move(status));
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
void CudaBackend::StartWaiting() {
  for (;;) {
    Work work;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      BatchRun* run = TakeRun();
      if (run == nullptr) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
      work.run = run;
    }
    Launch(work);
    {
      const std::lock_guard lock(mutex_);
      in_flight_.push_back(std::move(work));
    }
    changed_.notify_one();
  }
}

void CudaBackend::PollCompletions() {
  cudaSetDevice(options_.device);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !in_flight_.empty(); });
    if (in_flight_.empty()) {
      polling_ = false;
      changed_.notify_all();  // under the lock: then this object may be gone
      return;
    }
    const auto done = std::find_if(in_flight_.begin(), in_flight_.end(), [](const Work& work) {
      return !work.started.ok() || work.run->Done();
    });
    if (done == in_flight_.end()) {
      lock.unlock();
      sched_yield();
      lock.lock();
      continue;
    }
    const Work work = std::move(*done);
    in_flight_.erase(done);
    lock.unlock();
    Complete(work);
    StartWaiting();
    lock.lock();
  }
}

BackendInfo InfoOf(const CudaOptions& options, const cuda::DeviceFacts& facts) {
  return {.name = "cuda",
          .description =
              absl::StrCat(facts.name, ", compute capability ", facts.major, ".", facts.minor),
          .memory_bytes = options.memory_bytes,
          .device = options.device,
          .sharing = facts.is_served_by_mps ? DeviceSharing::kMps : DeviceSharing::kTimeSliced};
}

// The device as the planner sees it.
cuda::SelectDevice PlannedDevice(const cuda::DeviceFacts& facts) {
  return {.processors = facts.processors,
          .shared_bytes = static_cast<int32_t>(facts.shared_bytes) - 8192};
}

}  // namespace

absl::Status CheckCudaBackend(int device) { return cuda::ExamineDevice(device).status(); }

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
