// How the selections of a batch become tasks.
#ifndef KVSIFT_KERNELS_CPU_SELECTION_PLAN_H_
#define KVSIFT_KERNELS_CPU_SELECTION_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory_resource>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/row_group.h"
#include "kernels/cpu/scratch.h"

namespace kvsift {

// The scans of all selections of a batch, cut into tasks of some tens of microseconds: rows are
// split first; keys are split where there are fewer rows than threads can use.
class SelectionPlan {
 public:
  // What the plan holds is of `memory`.
  SelectionPlan(std::span<const Selection> selections, int concurrency, Scratch& memory);

  int64_t task_count() const { return static_cast<int64_t>(task_ends_.size()); }

  // A rough estimate of the whole.
  int64_t nanoseconds() const { return nanoseconds_; }

  // Runs one task. Thread-safe for different tasks.
  void RunTask(int64_t task, std::byte* memory, ScratchPool& pool);

 private:
  struct ScanRef {
    RowGroup* group;
    size_t scan;
  };

  void AddSelection(const Selection& selection, int concurrency, int64_t selections);

  Scratch& memory_;
  std::pmr::deque<RowGroup> groups_;  // stable addresses
  std::pmr::vector<ScanRef> scans_;
  std::pmr::vector<size_t> task_ends_;  // task i runs scans [task_ends_[i - 1], task_ends_[i])
  int64_t nanoseconds_ = 0;
  int64_t open_task_nanoseconds_ = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_SELECTION_PLAN_H_
