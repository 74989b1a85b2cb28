// The second half of SelectionJobs: from planned rows to staged launches.
#include <algorithm>
#include <bit>

#include "kernels/cuda/selection_jobs.h"
#include "kernels/estimate/estimator.h"

namespace kvsift::cuda {
namespace {

// The byte that bests are filled with: repeated, it makes an int32 below any goodness.
constexpr int kNoBestByte = 0x80;

// Scratch memory that the general path may use at a time; it works through its rows in pieces.
constexpr int64_t kGeneralScratchBytes = int64_t{256} << 20;
constexpr int64_t kMostGeneralRows = 16384;  // of one launch

int64_t UnitTiles(const SelectUnit& unit) { return unit.end_tile - unit.first_tile; }

}  // namespace

absl::Status SelectionJobs::Stage(Staging& staging, const uint8_t* pages,
                                  const DeviceAnswers& answers) {
  absl::Status status = lists_.Reserve((2 * list_entries_ + list_count_) * 4);
  for (Group& group : groups_) {
    if (status.ok()) status = StageGroup(group, staging, pages, answers);
  }
  if (status.ok()) status = StageMerges(staging, answers);
  return status;
}

absl::Status SelectionJobs::StageGroup(Group& group, Staging& staging, const uint8_t* pages,
                                       const DeviceAnswers& answers) {
  int32_t* lists = reinterpret_cast<int32_t*>(lists_.data());
  int32_t* positions = group.lists ? lists : answers.positions;
  int32_t* goodness = group.lists ? lists + list_entries_ : nullptr;
  int32_t* bests = group.lists ? lists + 2 * list_entries_ : nullptr;
  if (!group.units.empty()) {
    PlanUnits(group, staging,
              {.layout = group.store->layout(),
               .estimate = group.estimate,
               .pages = pages,
               .units = nullptr,
               .columns = staging.Add(group.columns),
               .unit_count = 0,
               .plan = {},
               .positions = positions,
               .counts = answers.counts,
               .list_goodness = goodness,
               .bests = bests});
  }
  if (!group.scores.empty()) {
    score_launches_.push_back({.layout = group.store->layout(),
                               .estimate = group.estimate,
                               .pages = pages,
                               .jobs = staging.Add(group.scores),
                               .job_count = static_cast<int>(group.scores.size()),
                               .positions = answers.positions,
                               .counts = answers.counts,
                               .scores = answers.scores});
  }
  if (group.general.empty()) return absl::OkStatus();
  return PlanGeneral(group, staging,
                     {.layout = group.store->layout(),
                      .estimate = group.estimate,
                      .pages = pages,
                      .rows = nullptr,
                      .row_count = 0,
                      .most_visible = 0,
                      .scratch = nullptr,
                      .positions = positions,
                      .counts = answers.counts,
                      .list_goodness = goodness,
                      .bests = bests});
}

// One launch per cluster size, the longest rows first.
void SelectionJobs::PlanUnits(Group& group, Staging& staging, const SelectLaunch& launch) {
  int64_t total_keys = 0;
  for (const SelectUnit& unit : group.units) total_keys += UnitTiles(unit) * kTileKeys;
  const auto cluster_of = [&](const SelectUnit& unit) {
    return ClusterFor(tuning_, device_, UnitTiles(unit) * kTileKeys, total_keys);
  };
  std::stable_sort(
      group.units.begin(), group.units.end(),
      [](const SelectUnit& a, const SelectUnit& b) { return UnitTiles(a) > UnitTiles(b); });
  const int limit = MaxScoreMagnitude(static_cast<Estimator>(group.estimate),
                                      group.store->shape().head_dim, group.store->shape().key_bits);
  const SelectUnit* staged = staging.Add(group.units);
  for (size_t first = 0; first < group.units.size();) {
    const int cluster = cluster_of(group.units[first]);
    size_t end = first;
    int columns = 1;
    int64_t ranked = 1;
    for (; end < group.units.size() && cluster_of(group.units[end]) == cluster; ++end) {
      const SelectUnit& unit = group.units[end];
      columns = std::max(columns, unit.columns);
      for (int i = 0; i < unit.columns; ++i) {
        const SelectColumn& column = group.columns[static_cast<size_t>(unit.first_column + i)];
        ranked = std::max(ranked, int64_t{column.k} - column.sinks - column.window);
      }
    }
    SelectLaunch next = launch;
    next.units = staged + first;
    next.unit_count = static_cast<int>(end - first);
    next.plan = PlanSelect(tuning_, device_, cluster, columns,
                           UnitTiles(group.units[first]) * kTileKeys, ranked, limit);
    select_launches_.push_back(next);
    first = end;
  }
}

absl::Status SelectionJobs::PlanGeneral(const Group& group, Staging& staging,
                                        const GeneralLaunch& launch) {
  int64_t most_visible = 1;
  for (const GeneralRow& row : group.general) {
    most_visible = std::max<int64_t>(most_visible, row.visible);
  }
  const int64_t row_bytes = GeneralScratchBytes(most_visible);
  const int64_t rows = std::clamp<int64_t>(kGeneralScratchBytes / row_bytes, 1, kMostGeneralRows);
  const int64_t count = std::ssize(group.general);
  absl::Status status = general_.Reserve(std::min(rows, count) * row_bytes);
  if (!status.ok()) return status;
  const GeneralRow* staged = staging.Add(group.general);
  for (int64_t first = 0; first < count; first += rows) {
    GeneralLaunch next = launch;
    next.rows = staged + first;
    next.row_count = static_cast<int>(std::min(rows, count - first));
    next.most_visible = most_visible;
    general_launches_.push_back(next);
  }
  return absl::OkStatus();
}

absl::Status SelectionJobs::StageMerges(Staging& staging, const DeviceAnswers& answers) {
  const int32_t* lists = reinterpret_cast<const int32_t*>(lists_.data());
  int64_t scratch_bytes = 0;
  for (const MergeKind kind : {MergeKind::kUnion, MergeKind::kMax}) {
    const auto& rows = merges_[static_cast<int>(kind)];
    if (rows.empty()) continue;
    MergeLaunch launch{.kind = kind,
                       .rows = staging.Add(rows),
                       .row_count = static_cast<int>(rows.size()),
                       .positions = lists,
                       .goodness = lists + list_entries_,
                       .bests = lists + 2 * list_entries_,
                       .answers = answers.positions,
                       .counts = answers.counts,
                       .most_lists = 1,
                       .bitmap_words = 1,
                       .slots = 1,
                       .scratch = nullptr};
    int64_t entries = 1;
    for (const MergeRow& row : rows) {
      const int64_t ranked = int64_t{row.k} - row.sinks - row.window;
      entries = std::max(entries, row.lists * ranked);
      launch.most_lists = std::max(launch.most_lists, row.lists);
      launch.bitmap_words = std::max(launch.bitmap_words, (row.visible + 31) / 32);
    }
    if (kind == MergeKind::kMax) {
      launch.slots = static_cast<int32_t>(std::bit_ceil(static_cast<uint64_t>(2 * entries)));
    }
    merge_launches_.push_back(launch);
    const int64_t row_bytes = MergeWords(launch) * 4;
    if (row_bytes > shared_bytes_limit_) {
      scratch_bytes = std::max(scratch_bytes, row_bytes * launch.row_count);
    }
  }
  return merge_.Reserve(scratch_bytes);
}

absl::Status SelectionJobs::Launch(cudaStream_t stream) {
  if (list_count_ > 0) {
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemsetAsync(lists_.data() + 8 * list_entries_, kNoBestByte,
                                                static_cast<size_t>(list_count_) * 4, stream));
  }
  for (const SelectLaunch& launch : select_launches_) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchSelect(launch, stream));
  }
  for (GeneralLaunch launch : general_launches_) {
    launch.scratch = reinterpret_cast<uint8_t*>(general_.data());
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchGeneral(launch, stream));
  }
  for (MergeLaunch launch : merge_launches_) {
    if (MergeWords(launch) * 4 > shared_bytes_limit_) {
      launch.scratch = reinterpret_cast<uint32_t*>(merge_.data());
    }
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchMerge(launch, stream));
  }
  for (const ScoreLaunch& launch : score_launches_) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchScores(launch, stream));
  }
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
