#include "client/load/answer_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kvsift::load {
namespace {

struct RowsView {
  int32_t width;
  std::span<const int32_t> counts;
  std::span<const int32_t> positions;
};

RowsView ViewOf(const client::SelectionResult& result, int64_t entry) {
  const int64_t first = result.entry_rows[entry];
  const int64_t rows = result.entry_rows[entry + 1] - first;
  return {result.width, std::span(result.counts).subspan(first, rows),
          std::span(result.positions).subspan(first * result.width, rows * result.width)};
}

// The first index of a row that cannot be: not ascending or out of range before the count, not -1
// behind it; or -1.
int64_t FirstWrong(std::span<const int32_t> row, int64_t count, int64_t visible) {
  int32_t last = -1;
  for (int64_t i = 0; i < count; ++i) {
    if (row[i] <= last) return i;
    last = row[i];
  }
  if (last >= visible) return count - 1;
  for (int64_t i = count; i < std::ssize(row); ++i) {
    if (row[i] != -1) return i;
  }
  return -1;
}

std::string Check(const Policy& policy, const StoreShape& shape, int64_t visible,
                  const RowsView& rows) {
  const int64_t capacity = RowCapacity(policy, shape);
  const int expected_rows = RowsPerToken(policy.grouping, shape);
  if (std::ssize(rows.counts) != expected_rows || rows.width != capacity) {
    return absl::StrCat(rows.counts.size(), " rows of width ", rows.width, ", expected ",
                        expected_rows, " of ", capacity);
  }
  const int64_t least = std::min<int64_t>(policy.k, visible);
  const bool is_union = policy.grouping == Grouping::kGroupUnion;
  const int64_t most = is_union ? std::min(capacity, visible) : least;
  for (int64_t row = 0; row < expected_rows; ++row) {
    const int64_t count = rows.counts[row];
    if (count < least || count > most) {
      return absl::StrCat("row ", row, ": count ", count, ", expected ", least,
                          is_union ? absl::StrCat(" to ", most) : "");
    }
    const auto list = rows.positions.subspan(row * rows.width, rows.width);
    const int64_t wrong = FirstWrong(list, count, visible);
    if (wrong >= 0) {
      return absl::StrCat("row ", row, ": position ", list[wrong], " at index ", wrong, " of ",
                          count, ", ", visible, " visible");
    }
  }
  return "";
}

}  // namespace

Rows RowsOf(const client::SelectionResult& result, int64_t entry) {
  const RowsView view = ViewOf(result, entry);
  return {view.width,
          {view.counts.begin(), view.counts.end()},
          {view.positions.begin(), view.positions.end()}};
}

std::string WhatIsWrong(const Policy& policy, const StoreShape& shape, int64_t visible,
                        const Rows& rows) {
  return Check(policy, shape, visible, {rows.width, rows.counts, rows.positions});
}

std::string WhatIsWrong(const Policy& policy, const StoreShape& shape, int64_t visible,
                        const client::SelectionResult& result, int64_t entry) {
  return Check(policy, shape, visible, ViewOf(result, entry));
}

}  // namespace kvsift::load
