// Turns the selections of a batch into launches.
//
// Which kernel serves a row is decided here, from its shape alone:
//   head                          the cluster path or the scan path (PlanUnit) writes the answer
//   group_max, group_union,       it writes a list per head into scratch memory, then MergeLists
//   layer_max                     joins them (merge.cu)
//   group_sum, and rows beyond    the general kernels (general.cu)
//   longest_row
#ifndef KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_
#define KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_

#include <cstdint>
#include <span>
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
  const uint32_t* codes = nullptr;        // [tokens, query_heads, words]
  const float* scales = nullptr;          // [tokens, query_heads] or null
  const std::byte* host_codes = nullptr;  // the codes in host memory, or null
};

// Where answers lie, in memory that kernels can write. A selection's `out` and `count` are indices
// into these.
struct DeviceAnswers {
  int32_t* positions = nullptr;
  int32_t* counts = nullptr;
  int32_t* scores = nullptr;
};

// Whether lists of heads are joined to the rows of such a selection.
bool MakesLists(Grouping grouping);

class SelectionJobs {
 public:
  SelectionJobs(const SelectTuning& tuning, const SelectDevice& device, int shared_bytes_limit)
      : tuning_(tuning), device_(device), shared_bytes_limit_(shared_bytes_limit) {}

  // An upper bound of what Stage adds for `selection`.
  int64_t StagingBytes(const Selection& selection) const;

  // Whether everything that a `head` selection of codes needs travels with its launches.
  bool Travels(const Selection& selection) const;

  void Clear();

  // Plans one selection; `scores` is the index of its scores, if it wants them.
  void Add(const Selection& selection, const DeviceQueries& queries, int64_t out, int64_t count,
           int64_t scores);

  // Stages what the kernels read, after the last Add.
  absl::Status Stage(Staging& staging, const uint8_t* pages, const DeviceAnswers& answers);

  // What must be filled before Launch.
  Fill bests() const;

  // Launches everything, in the order of `stream`. `flag`, if there is one, is raised at the end.
  // REQUIRES then: lists are all that is selected, and there are some.
  absl::Status Launch(const HostFlag& flag, cudaStream_t stream);

 private:
  // Rows of one store and estimator that one kind of kernel serves.
  struct Group {
    const CudaStore* store = nullptr;
    Estimate estimate = {};
    bool lists = false;
    std::vector<SelectUnit> units;
    std::vector<SelectColumn> columns;
    std::vector<const std::byte*> host_codes;  // of the columns; null: not known to the host
    std::vector<GeneralRow> general;
    std::vector<ScoreJob> scores;
  };
  struct Context;  // of one selection while it is planned
  struct PlannedUnit {
    SelectUnit unit;
    UnitPlan plan;
  };

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
  std::span<Group> groups() { return std::span(groups_).first(group_count_); }
  static bool AreFew(const Group& group);
  // Words of a column's code if the codes of all of them travel with the launches, or 0.
  static int TravellingWords(const Group& group);
  // Gives `launch` its units, and inside it with their columns where they are few.
  static void SetUnits(const Group& group, std::span<const SelectUnit> units, Staging& staging,
                       SelectLaunch& launch);
  int RankedAtMost(const Group& group, const SelectUnit& unit) const;
  void PlanUnits(Group& group, Staging& staging, const SelectLaunch& launch);
  void AddClusterLaunches(const Group& group, std::span<PlannedUnit> units, Staging& staging,
                          const SelectLaunch& launch);
  void AddScanLaunches(const Group& group, std::span<PlannedUnit> units, Staging& staging,
                       const SelectLaunch& launch);
  void AddScanLaunch(const Group& group, std::span<const PlannedUnit> units, int capacity,
                     Staging& staging, const SelectLaunch& launch);
  absl::Status PlanGeneral(const Group& group, Staging& staging, const GeneralLaunch& launch);
  absl::Status StageMerges(Staging& staging, const DeviceAnswers& answers);

  const SelectTuning tuning_;
  const SelectDevice device_;
  const int shared_bytes_limit_;

  // Vectors keep their memory from batch to batch, those inside groups too.
  std::vector<Group> groups_;  // the first `group_count_` are in use
  size_t group_count_ = 0;
  std::vector<MergeRow> merges_[2];  // by MergeKind
  std::vector<PlannedUnit> planned_;
  std::vector<SelectUnit> staged_units_;
  std::vector<UnitSlice> staged_slices_;
  std::vector<UnitPart> staged_finishes_;
  int64_t list_entries_ = 0;
  int64_t list_count_ = 0;
  DeviceBuffer lists_;    // positions, goodness, bests
  DeviceBuffer general_;  // values of the general path
  DeviceBuffer scan_;     // candidates and outcomes of one scan launch
  int64_t scan_bytes_ = 0;
  DeviceBuffer tickets_;  // of units that their last slice finishes
  int scan_tickets_ = 0;
  DeviceBuffer merge_;  // of merges that do not fit in shared memory

  std::vector<SelectLaunch> cluster_launches_;
  std::vector<SelectLaunch> scan_launches_;  // one after another, they share `scan_`
  std::vector<GeneralLaunch> general_launches_;
  std::vector<MergeLaunch> merge_launches_;
  std::vector<ScoreLaunch> score_launches_;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECTION_JOBS_H_
