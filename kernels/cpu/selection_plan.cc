#include "kernels/cpu/selection_plan.h"

#include <algorithm>

namespace kvsift {
namespace {

// Rows scored together at most: more share nothing more, and large chunks split badly.
constexpr int64_t kRowsPerGroup = 16;

// Tasks are at least this long, so that handing them out costs little, where there is enough.
constexpr int64_t kTaskNanoseconds = 40'000;

// Every part of a row keeps and cuts a list of its own, which takes time: rows are cut no further
// than keeps so much of the threads busy to the end, and not beyond so many tasks a thread.
constexpr double kBusyShare = 0.85;
constexpr int64_t kMostTasksPerThread = 4;

// Rough costs, of a key and row at head_dim 128, of a row's preparation and of a position of its
// answer, in memory that was never used before. They only decide how work is cut.
constexpr double kNanosecondsPerKey = 0.7;
constexpr int64_t kNanosecondsPerRow = 1500;
constexpr int64_t kNanosecondsPerPosition = 1;

int64_t ScanNanoseconds(const ScanShape& scan) {
  const Selection& selection = *scan.selection;
  const StoreShape& shape = static_cast<const CpuStore&>(*selection.store).format.shape;
  int64_t keys = 0;
  for (int64_t t = 0; t < scan.tokens; ++t) {
    const PositionRange ranked =
        RankedRange(selection.policy, selection.visible[static_cast<size_t>(scan.first_token + t)]);
    keys += std::max<int64_t>(
        0, std::min(ranked.end, scan.keys.end) - std::max(ranked.begin, scan.keys.begin));
  }
  const double per_key = kNanosecondsPerKey * shape.padded_dim() / 128;
  const int64_t per_row = kNanosecondsPerRow + kNanosecondsPerPosition * selection.row_width;
  return shape.group_size() *
         (scan.tokens * per_row + static_cast<int64_t>(per_key * static_cast<double>(keys)));
}

// All positions that tokens [first, first + tokens) rank.
PositionRange RankedByAny(const Selection& selection, int64_t first, int64_t tokens) {
  PositionRange all;
  for (int64_t t = first; t < first + tokens; ++t) {
    const PositionRange ranked =
        RankedRange(selection.policy, selection.visible[static_cast<size_t>(t)]);
    if (ranked.empty()) continue;
    all = {ranked.begin, std::max(all.end, ranked.end)};
  }
  return all;
}

// How many parts to cut each of `tasks` equal tasks into, so that `threads` finish together.
int64_t PartsPerTask(int64_t tasks, int64_t threads) {
  const int64_t most = std::max<int64_t>(1, threads * kMostTasksPerThread / tasks);
  const auto busy_share = [&](int64_t parts) {
    const int64_t rounds = (tasks * parts + threads - 1) / threads;
    return static_cast<double>(tasks * parts) / static_cast<double>(rounds * threads);
  };
  int64_t parts = 1;
  while (parts < most && busy_share(parts) < kBusyShare) ++parts;
  return parts;
}

// Cuts `range` into `parts` pieces at tile boundaries.
std::pmr::vector<PositionRange> CutRange(PositionRange range, int64_t parts, Scratch& memory) {
  std::pmr::vector<PositionRange> pieces(&memory);
  pieces.reserve(static_cast<size_t>(parts));
  int64_t begin = range.begin;
  for (int64_t i = 1; i < parts; ++i) {
    const int64_t end = (range.begin + range.size() * i / parts) / kTilePositions * kTilePositions;
    if (end <= begin) continue;
    pieces.push_back({begin, end});
    begin = end;
  }
  pieces.push_back({begin, range.end});
  return pieces;
}

}  // namespace

SelectionPlan::SelectionPlan(std::span<const Selection> selections, int concurrency,
                             Scratch& memory)
    : memory_(memory), groups_(&memory), scans_(&memory), task_ends_(&memory) {
  for (const Selection& selection : selections) {
    AddSelection(selection, concurrency, std::ssize(selections));
  }
  if (task_ends_.empty() ? !scans_.empty() : task_ends_.back() != scans_.size()) {
    task_ends_.push_back(scans_.size());
  }
}

void SelectionPlan::AddSelection(const Selection& selection, int concurrency, int64_t selections) {
  const StoreShape& shape = static_cast<const CpuStore&>(*selection.store).format.shape;
  const int64_t tokens = std::ssize(selection.visible);
  const bool whole_layer = selection.policy.grouping == Grouping::kLayerMax;
  const int kv_heads = whole_layer ? shape.kv_heads : 1;
  const int64_t tokens_per_group = std::max<int64_t>(1, kRowsPerGroup / shape.group_size());
  const int64_t chunks = (tokens + tokens_per_group - 1) / tokens_per_group;
  for (int kv_head = 0; kv_head < shape.kv_heads; kv_head += kv_heads) {
    for (int64_t first = 0; first < tokens; first += tokens_per_group) {
      const int64_t count = std::min(tokens_per_group, tokens - first);
      const PositionRange keys = RankedByAny(selection, first, count);
      const int64_t whole = ScanNanoseconds({.selection = &selection,
                                             .kv_head = kv_head,
                                             .first_token = first,
                                             .tokens = count,
                                             .keys = keys});
      nanoseconds_ += whole * kv_heads;
      const int64_t most_parts = whole / kTaskNanoseconds;
      const int64_t parts =
          most_parts < 2 ? 1
                         : std::min(most_parts, PartsPerTask(selections * chunks * shape.kv_heads,
                                                             concurrency));
      RowGroup& group = groups_.emplace_back(selection, kv_head, kv_heads, first, count,
                                             CutRange(keys, parts, memory_), memory_);
      for (size_t i = 0; i < group.scans.size(); ++i) {
        scans_.push_back({&group, i});
        open_task_nanoseconds_ += whole / parts;
        if (open_task_nanoseconds_ < kTaskNanoseconds) continue;
        task_ends_.push_back(scans_.size());
        open_task_nanoseconds_ = 0;
      }
    }
  }
}

void SelectionPlan::RunTask(int64_t task, std::byte* memory, ScratchPool& pool) {
  const ScratchPool::Lease answering = pool.Take();
  size_t i = task == 0 ? 0 : task_ends_[static_cast<size_t>(task - 1)];
  for (; i < task_ends_[static_cast<size_t>(task)]; ++i) {
    RowGroup& group = *scans_[i].group;
    group.scans[scans_[i].scan].Run(memory, pool.Take());
    if (group.scans_left.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
    AnswerGroup(group, *answering);
    for (RowScan& scan : group.scans) scan.Release();
  }
}

}  // namespace kvsift
