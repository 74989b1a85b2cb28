// Query rows that are answered together, and their answer.
#ifndef KVSIFT_KERNELS_CPU_ROW_GROUP_H_
#define KVSIFT_KERNELS_CPU_ROW_GROUP_H_

#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/row_scan.h"

namespace kvsift {

// Some query tokens of a selection with the heads that share lists: those of one kv head, or of
// the whole layer for layer_max. Its keys may be split into parts that are scanned at the same
// time; whoever finishes the last scan answers the group.
struct RowGroup {
  // What the group holds is of `memory`.
  RowGroup(const Selection& selection, int first_kv_head, int kv_heads, int64_t first_token,
           int64_t tokens, std::span<const PositionRange> parts, Scratch& memory);

  const RowScan& scan(int kv_head, int64_t part) const {
    return scans[static_cast<size_t>((kv_head - first_kv_head) * parts + part)];
  }

  const Selection* selection;
  int first_kv_head;
  int kv_heads;
  int64_t first_token;
  int64_t tokens;
  int64_t parts;
  std::pmr::vector<RowScan> scans;  // [kv_heads, parts]
  std::atomic<int64_t> scans_left;
};

// Writes the answer rows of the group. Clears `scratch` before each token.
// REQUIRES: all scans of the group have run.
void AnswerGroup(const RowGroup& group, Scratch& scratch);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_ROW_GROUP_H_
