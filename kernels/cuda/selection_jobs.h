// Turns the selections of a batch into launches.
//
// Which kernel serves a row is decided here, from its shape alone:
//   head                          SelectUnits writes the answer (select_kernel.cuh)
//   group_max, group_union,       SelectUnits writes a list per head into scratch memory, then
//   layer_max                     MergeLists joins them (merge.cu)
//   group_sum, and rows beyond    the general kernels (general.cu)
//   LongestRow
#ifndef KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_
#define KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/general.h"
#include "kernels/cuda/merge.h"
#include "kernels/cuda/select.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/store.h"

namespace kvsift::cuda {

// Queries of one selection in device memory.
struct DeviceQueries {
  const uint32_t* codes = nullptr;  // [tokens, query_heads, words]
  const float* scales = nullptr;    // [tokens, query_heads] or null
};

// Where answers lie in device memory. A selection's `out` and `count` are indices into these.
struct DeviceAnswers {
  int32_t* positions = nullptr;
  int32_t* counts = nullptr;
  int32_t* scores = nullptr;
};

class SelectionJobs {
 public:
  SelectionJobs(const SelectTuning& tuning, const SelectDevice& device, int shared_bytes_limit)
      : tuning_(tuning), device_(device), shared_bytes_limit_(shared_bytes_limit) {}

  // An upper bound of what Stage adds for `selection`.
  static int64_t StagingBytes(const Selection& selection);

  void Clear();

  // Plans one selection; `scores` is the index of its scores, if it wants them.
  void Add(const Selection& selection, const DeviceQueries& queries, int64_t out, int64_t count,
           int64_t scores);

  // Stages what the kernels read, after the last Add.
  absl::Status Stage(Staging& staging, const uint8_t* pages, const DeviceAnswers& answers);

  // Launches everything, in the order of `stream`.
  absl::Status Launch(cudaStream_t stream);

 private:
  // Rows of one store and estimator that one kind of kernel serves.
  struct Group {
    const CudaStore* store;
    Estimate estimate;
    bool lists;
    std::vector<SelectUnit> units;
    std::vector<SelectColumn> columns;
    std::vector<GeneralRow> general;
    std::vector<ScoreJob> scores;
  };
  struct Context;  // of one selection while it is planned

  Group& GroupFor(const Context& context);
  void AddColumns(const Context& context, Group& group, int kv_head);
  void AddLongRows(const Context& context, Group& group, int kv_head, int token);
  void AddUnit(const Context& context, Group& group, int kv_head, int first_token, int tokens,
               int first_head, int heads);
  void AddSums(const Context& context, Group& group);
  void AddMerges(const Context& context);
  SelectColumn MakeColumn(const Context& context, int token, int head) const;
  absl::Status StageGroup(Group& group, Staging& staging, const uint8_t* pages,
                          const DeviceAnswers& answers);
  void PlanUnits(Group& group, Staging& staging, const SelectLaunch& launch);
  absl::Status PlanGeneral(const Group& group, Staging& staging, const GeneralLaunch& launch);
  absl::Status StageMerges(Staging& staging, const DeviceAnswers& answers);

  const SelectTuning tuning_;
  const SelectDevice device_;
  const int shared_bytes_limit_;

  std::vector<Group> groups_;
  std::vector<MergeRow> merges_[2];  // by MergeKind
  int64_t list_entries_ = 0;
  int64_t list_count_ = 0;
  DeviceBuffer lists_;    // positions, goodness, bests
  DeviceBuffer general_;  // values of the general path
  DeviceBuffer merge_;    // of merges that do not fit in shared memory

  std::vector<SelectLaunch> select_launches_;
  std::vector<GeneralLaunch> general_launches_;
  std::vector<MergeLaunch> merge_launches_;
  std::vector<ScoreLaunch> score_launches_;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_
