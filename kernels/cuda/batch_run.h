// One batch on its way through the device: a stream with the memory that a batch needs beside the
// pages. A backend has a few of them and uses them again and again; in the steady state nothing is
// allocated. Not thread-safe.
//
// Large writes go through in pieces, so that one is encoded while the next is copied, and kernels
// of streams with a higher priority run in between. Everything else of a batch is staged and
// brought to the device at once.
#ifndef KVSIFT_KERNELS_CUDA_BATCH_RUN_H_
#define KVSIFT_KERNELS_CUDA_BATCH_RUN_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/answers.h"
#include "kernels/cuda/crossing.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/first_room.h"
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/selection_jobs.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/store_jobs.h"

namespace kvsift::cuda {

struct BatchTuning {
  SelectTuning select;
  CrossingTuning crossing;
};

class BatchRun {
 public:
  // `pages` is the backend's page memory.
  BatchRun(uint8_t* pages, const BatchTuning& tuning, const SelectDevice& device,
           int shared_bytes_limit)
      : pages_(pages),
        tuning_(tuning),
        answers_(tuning.crossing),
        selections_(tuning.select, device, shared_bytes_limit) {}

  absl::Status Create(Priority priority, const FirstRoom& room);

  // Launches everything that `batch` asks for; does not wait. On an error some of it may run.
  absl::Status Start(const Batch& batch);

  // True once all of it has run, or the device has failed. Cheap, except that it asks the driver
  // for failures now and then.
  bool Done();

  // Waits, if Start succeeded, and where all is well hands the answers over.
  absl::Status Finish(const Batch& batch);

 private:
  using Clock = std::chrono::steady_clock;

  absl::Status Reserve(const Batch& batch);
  StagingPath PathFor(const Batch& batch, int64_t staging_bytes) const;
  static bool AreFewWrites(const Batch& batch);
  absl::Status StageTables(const Batch& batch);
  absl::Status StageWrites(const Batch& batch);
  void StageWrite(const KeyWrite& write, int64_t first, int64_t count);
  absl::Status LaunchArrival(const Fill& fill);
  absl::Status LaunchChanges(const Fill& fill);
  void StageReads(const Batch& batch);
  void StageQueries(const Selection& selection, int64_t& encoded, DeviceQueries& queries);
  absl::Status StageSelections(const Batch& batch);
  absl::Status LaunchAnswers();

  uint8_t* const pages_;
  const BatchTuning tuning_;
  Stream stream_;
  Staging staging_;
  bool keys_stay_ = false;  // in host memory, where the launch that fetches the rest reads them
  DeviceBuffer encoded_;    // codes and scales of raw queries
  Answers answers_;
  SelectionJobs selections_;
  std::vector<TableEditJob> edits_;
  std::vector<PageCopyJob> copies_;
  JobsByStore<KeyJob> writes_;
  JobsByStore<KeyJob> reads_;
  JobsByStore<QueryJob> raw_queries_;
  Clock::time_point asked_;  // when the driver was last asked for failures
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_BATCH_RUN_H_
