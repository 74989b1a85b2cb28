// One batch on its way through the device: a stream with the memory that a batch needs beside the
// pages. A backend has a few of them and uses them again and again; in the steady state nothing is
// allocated. Not thread-safe.
#ifndef KVSIFT_KERNELS_CUDA_BATCH_RUN_H_
#define KVSIFT_KERNELS_CUDA_BATCH_RUN_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/selection_jobs.h"
#include "kernels/cuda/staging.h"

namespace kvsift::cuda {

class BatchRun {
 public:
  // `pages` is the backend's page memory.
  BatchRun(uint8_t* pages, const SelectTuning& tuning, const SelectDevice& device,
           int shared_bytes_limit)
      : pages_(pages), selections_(tuning, device, shared_bytes_limit) {}

  absl::Status Create();

  // Launches everything that `batch` asks for; does not wait. On an error some of it may run.
  absl::Status Start(const Batch& batch);

  // True once all of it has run, or the device has failed.
  bool Done() const;

  // Waits, whatever Start said, and where all is well hands the answers over.
  absl::Status Finish(const Batch& batch);

 private:
  // Where the answers of a batch lie, as indices into int32 arrays and bytes.
  struct Extent {
    int64_t positions = 0;
    int64_t counts = 0;
    int64_t scores = 0;
    int64_t read_bytes = 0;

    int64_t ints() const { return positions + counts + scores; }
    int64_t read_offset() const { return (ints() * 4 + 31) / 32 * 32; }
    int64_t bytes() const { return read_offset() + read_bytes; }
  };
  // Jobs of one store.
  struct KeyLaunch {
    const CudaStore* store;
    std::vector<KeyJob> jobs;
    int64_t items = 0;
    const KeyJob* staged = nullptr;
  };
  struct QueryLaunch {
    const CudaStore* store;
    std::vector<QueryJob> jobs;
    int64_t vectors = 0;
    const QueryJob* staged = nullptr;
  };

  absl::Status Reserve(const Batch& batch);
  absl::Status StageTables(const Batch& batch);
  void StageKeys(const Batch& batch);
  void StageQueries(const Selection& selection, int64_t& encoded, DeviceQueries& queries);
  absl::Status StageSelections(const Batch& batch);
  absl::Status Launch();
  void HandOver(const Batch& batch) const;

  uint8_t* const pages_;
  Stream stream_;
  Event done_;
  Staging staging_;
  DeviceBuffer encoded_;  // codes and scales of raw queries
  DeviceBuffer device_answers_;
  PinnedBuffer host_answers_;
  Extent extent_;
  SelectionJobs selections_;
  std::vector<TableEditJob> edits_;
  std::vector<PageCopyJob> copies_;
  std::vector<KeyLaunch> writes_;
  std::vector<KeyLaunch> reads_;
  std::vector<QueryLaunch> raw_queries_;
  const TableEditJob* staged_edits_ = nullptr;
  const PageCopyJob* staged_copies_ = nullptr;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_BATCH_RUN_H_
