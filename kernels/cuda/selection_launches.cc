// The second half of SelectionJobs: from planned rows to staged launches.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/cuda/selection_jobs.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/code_shape.h"

namespace kvsift::cuda {
namespace {

// Below any goodness, by more than what goodness is subtracted.
constexpr int32_t kNoBest = INT32_MIN / 2;

// Scratch memory that the general path may use at a time; it works through its rows in pieces.
constexpr int64_t kGeneralScratchBytes = int64_t{256} << 20;
constexpr int64_t kMostGeneralRows = 16384;  // of one launch

// The same for the candidates of a scan launch, which gets at least one unit.
constexpr int64_t kScanScratchBytes = int64_t{512} << 20;

int64_t UnitTiles(const SelectUnit& unit) { return unit.end_tile - unit.first_tile; }
int64_t UnitKeys(const SelectUnit& unit) { return UnitTiles(unit) * kTileKeys; }

int64_t CandidateBytes(int64_t slices, int columns, int capacity) {
  return slices * columns * capacity * static_cast<int64_t>(sizeof(uint32_t));
}

int64_t ScanScratchBytes(int64_t slices, int columns, int capacity) {
  return CandidateBytes(slices, columns, capacity) +
         slices * static_cast<int64_t>(sizeof(SliceOutcome));
}

int GoodnessLimit(Estimate estimate, const CudaStore& store) {
  return MaxScoreMagnitude(static_cast<Estimator>(estimate), store.shape().head_dim,
                           store.shape().key_bits);
}

}  // namespace

absl::Status SelectionJobs::Stage(Staging& staging, const uint8_t* pages,
                                  const DeviceAnswers& answers) {
  absl::Status status = lists_.Reserve((2 * list_entries_ + list_count_) * 4);
  for (Group& group : groups()) {
    if (status.ok()) status = StageGroup(group, staging, pages, answers);
  }
  if (status.ok()) status = StageMerges(staging, answers);
  if (status.ok()) status = scan_.Reserve(scan_bytes_);
  if (status.ok())
    status = tickets_.ReserveZeros(scan_tickets_ * static_cast<int64_t>(sizeof(int)));
  return status;
}

absl::Status SelectionJobs::StageGroup(Group& group, Staging& staging, const uint8_t* pages,
                                       const DeviceAnswers& answers) {
  int32_t* lists = reinterpret_cast<int32_t*>(lists_.data());
  int32_t* positions = group.lists ? lists : answers.positions;
  int32_t* goodness = group.lists ? lists + list_entries_ : nullptr;
  int32_t* bests = group.lists ? lists + 2 * list_entries_ : nullptr;
  if (!group.units.empty()) {
    const bool few = AreFew(group);
    PlanUnits(group, staging,
              {.layout = group.store->layout(),
               .estimate = group.estimate,
               .pages = pages,
               .units = nullptr,
               .columns = few ? nullptr : staging.Add(group.columns),
               .unit_count = 0,
               .few = few,
               .code_words = few ? TravellingWords(group) : 0,
               .plan = {},
               .positions = positions,
               .counts = answers.counts,
               .list_goodness = goodness,
               .bests = bests,
               .slices = nullptr,
               .slice_count = 0,
               .finishes = nullptr,
               .finish_count = 0,
               .candidates = nullptr,
               .outcomes = nullptr,
               .tickets = nullptr,
               .here = {}});
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

// The most positions that a column of `unit` ranks.
int SelectionJobs::RankedAtMost(const Group& group, const SelectUnit& unit) const {
  int ranked = 1;
  for (int i = 0; i < unit.columns; ++i) {
    const SelectColumn& column = group.columns[static_cast<size_t>(unit.first_column + i)];
    ranked = std::max(ranked, column.k - column.sinks - column.window);
  }
  return ranked;
}

// Whether the units of `group` and their columns travel with its launches.
bool SelectionJobs::AreFew(const Group& group) {
  return group.units.size() <= FewUnits::kMostUnits &&
         group.columns.size() <= FewUnits::kMostColumns;
}

int SelectionJobs::TravellingWords(const Group& group) {
  const StoreShape& shape = group.store->shape();
  const int words = CodeWords(shape.head_dim,
                              QueryPlanes(static_cast<Estimator>(group.estimate), shape.key_bits));
  const bool fit = std::ssize(group.columns) * words <= FewUnits::kMostCodeWords;
  const auto& codes = group.host_codes;
  return fit && std::find(codes.begin(), codes.end(), nullptr) == codes.end() ? words : 0;
}

void SelectionJobs::SetUnits(const Group& group, std::span<const SelectUnit> units,
                             Staging& staging, SelectLaunch& launch) {
  launch.unit_count = static_cast<int>(units.size());
  if (!launch.few) {
    launch.units = staging.Add(units);
    return;
  }
  std::copy(units.begin(), units.end(), launch.here.units);
  std::copy(group.columns.begin(), group.columns.end(), launch.here.columns);
  if (launch.code_words == 0) return;
  uint32_t* to = launch.here.codes;
  for (const std::byte* codes : group.host_codes) {
    std::memcpy(to, codes, static_cast<size_t>(launch.code_words) * 4);
    to += launch.code_words;
  }
}

// The cluster path first, by cluster size; long units before short ones.
void SelectionJobs::PlanUnits(Group& group, Staging& staging, const SelectLaunch& launch) {
  SelectBatch batch;
  for (const SelectUnit& unit : group.units) {
    batch.keys += UnitKeys(unit);
    batch.longest_keys = std::max(batch.longest_keys, UnitKeys(unit));
  }
  planned_.clear();
  for (const SelectUnit& unit : group.units) {
    planned_.push_back({unit, PlanUnit(tuning_, device_, UnitKeys(unit), batch)});
  }
  std::sort(planned_.begin(), planned_.end(), [](const PlannedUnit& a, const PlannedUnit& b) {
    if (a.plan.path != b.plan.path) return a.plan.path < b.plan.path;
    if (a.plan.path == SelectPath::kCluster && a.plan.parts != b.plan.parts) {
      return a.plan.parts > b.plan.parts;
    }
    if (UnitKeys(a.unit) != UnitKeys(b.unit)) return UnitKeys(a.unit) > UnitKeys(b.unit);
    return a.unit.first_column < b.unit.first_column;
  });
  const auto scans = std::find_if(planned_.begin(), planned_.end(), [](const PlannedUnit& unit) {
    return unit.plan.path == SelectPath::kScan;
  });
  AddClusterLaunches(group, {planned_.begin(), scans}, staging, launch);
  AddScanLaunches(group, {scans, planned_.end()}, staging, launch);
}

// One launch per cluster size.
void SelectionJobs::AddClusterLaunches(const Group& group, std::span<PlannedUnit> units,
                                       Staging& staging, const SelectLaunch& launch) {
  std::vector<SelectUnit>& staged = staged_units_;
  while (!units.empty()) {
    const int blocks = units.front().plan.parts;
    staged.clear();
    int columns = 1;
    for (const PlannedUnit& unit : units) {
      if (unit.plan.parts != blocks) break;
      columns = std::max(columns, unit.unit.columns);
      staged.push_back(unit.unit);
    }
    SelectLaunch& next = cluster_launches_.emplace_back(launch);
    SetUnits(group, staged, staging, next);
    next.plan = PlanClusterLaunch(blocks, columns, UnitKeys(staged.front()),
                                  GoodnessLimit(group.estimate, *group.store));
    units = units.subspan(staged.size());
  }
}

// As many units to a launch as the scratch memory allows.
void SelectionJobs::AddScanLaunches(const Group& group, std::span<PlannedUnit> units,
                                    Staging& staging, const SelectLaunch& launch) {
  SelectLaunch next = launch;
  next.plan.goodness_limit = GoodnessLimit(group.estimate, *group.store);
  for (const PlannedUnit& unit : units) {
    next.plan.columns = std::max(next.plan.columns, unit.unit.columns);
  }
  size_t first = 0;
  int64_t slices = 0;
  int32_t capacity = 0;
  for (size_t i = 0; i < units.size(); ++i) {
    SelectUnit& unit = units[i].unit;
    const CandidatePlan plan = PlanCandidates(tuning_, UnitTiles(unit), RankedAtMost(group, unit),
                                              unit.columns, units[i].plan.parts);
    const int32_t largest = std::max(capacity, plan.capacity);
    const int64_t bytes =
        ScanScratchBytes(slices + units[i].plan.parts, next.plan.columns, largest);
    if (i > first && bytes > kScanScratchBytes) {
      AddScanLaunch(group, units.subspan(first, i - first), capacity, staging, next);
      first = i;
      slices = 0;
      capacity = 0;
    }
    unit.sample_stride = plan.sample_stride;
    unit.slices = units[i].plan.parts;
    unit.first_slice = static_cast<int32_t>(slices);
    slices += unit.slices;
    capacity = std::max(capacity, plan.capacity);
  }
  if (!units.empty()) AddScanLaunch(group, units.subspan(first), capacity, staging, next);
}

void SelectionJobs::AddScanLaunch(const Group& group, std::span<const PlannedUnit> units,
                                  int capacity, Staging& staging, const SelectLaunch& launch) {
  staged_units_.clear();
  staged_slices_.clear();
  staged_finishes_.clear();
  int64_t most_keys = 0;
  bool all_have_several_slices = true;
  for (const PlannedUnit& planned : units) {
    const SelectUnit& unit = planned.unit;
    const int32_t index = static_cast<int32_t>(staged_units_.size());
    for (int32_t i = 0; i < unit.slices; ++i) staged_slices_.push_back({unit, {index, i}});
    for (int32_t i = 0; unit.slices > 1 && i < unit.columns; ++i) {
      staged_finishes_.push_back({index, i});
    }
    staged_units_.push_back(unit);
    most_keys = std::max(most_keys, UnitKeys(unit));
    all_have_several_slices &= unit.slices > 1;
  }
  SelectLaunch& next = scan_launches_.emplace_back(launch);
  SetUnits(group, staged_units_, staging, next);
  if (!next.few) next.slices = staging.Add(staged_slices_);
  next.slice_count = static_cast<int>(staged_slices_.size());
  if (FinishApart(tuning_, device_, std::ssize(staged_finishes_), all_have_several_slices)) {
    if (!next.few) next.finishes = staging.Add(staged_finishes_);
    next.finish_count = static_cast<int>(staged_finishes_.size());
  } else {
    scan_tickets_ = std::max(scan_tickets_, next.unit_count);
  }
  next.plan = PlanScanLaunch(launch.plan.columns, most_keys, capacity, launch.plan.goodness_limit);
  scan_bytes_ = std::max(
      scan_bytes_, ScanScratchBytes(std::ssize(staged_slices_), launch.plan.columns, capacity));
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
                       .scratch = nullptr,
                       .flag = {}};
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

Fill SelectionJobs::bests() const {
  return {.values = reinterpret_cast<int32_t*>(lists_.data()) + 2 * list_entries_,
          .count = list_count_,
          .value = kNoBest};
}

absl::Status SelectionJobs::Launch(const HostFlag& flag, cudaStream_t stream) {
  if (flag.value != nullptr) merge_launches_.back().flag = flag;
  for (SelectLaunch& launch : scan_launches_) {
    launch.candidates = reinterpret_cast<uint32_t*>(scan_.data());
    launch.outcomes = reinterpret_cast<SliceOutcome*>(
        scan_.data() +
        CandidateBytes(launch.slice_count, launch.plan.columns, launch.plan.capacity));
    if (launch.finish_count == 0) launch.tickets = reinterpret_cast<int*>(tickets_.data());
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchScanSelect(launch, stream));
  }
  for (const SelectLaunch& launch : cluster_launches_) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchClusterSelect(launch, stream));
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
