#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/selection.h"
#include "client/cpp/status.h"

namespace kvsift::client {
namespace {

static_assert(std::endian::native == std::endian::little, "int32 lists travel little-endian");

absl::Status Malformed(const std::string& what) {
  return absl::InternalError(absl::StrCat("the server's answer is malformed: ", what));
}

// Little-endian int32 as a list; a remainder is left out and then fails the size check.
std::vector<int32_t> ToList(const std::string& bytes) {
  std::vector<int32_t> list(bytes.size() / sizeof(int32_t));
  if (!list.empty()) std::memcpy(list.data(), bytes.data(), list.size() * sizeof(int32_t));
  return list;
}

absl::Status CheckPadded(const SelectionResult& result) {
  if (result.width < 0 || std::ssize(result.positions) != result.rows() * result.width) {
    return Malformed(absl::StrCat(result.positions.size(), " positions in ", result.rows(),
                                  " rows of ", result.width));
  }
  for (const int32_t count : result.counts) {
    if (count < 0 || count > result.width) return Malformed(absl::StrCat("count ", count));
  }
  return absl::OkStatus();
}

absl::Status CheckPacked(const SelectionResult& result) {
  if (std::ssize(result.offsets) != result.rows() + 1 || result.offsets[0] != 0 ||
      result.offsets.back() != std::ssize(result.positions)) {
    return Malformed("offsets do not cover the positions");
  }
  for (int64_t row = 0; row < result.rows(); ++row) {
    const int64_t length = int64_t{result.offsets[row + 1]} - result.offsets[row];
    if (length < 0 || length != result.counts[row]) {
      return Malformed(absl::StrCat("row ", row, " has count ", result.counts[row], " and offsets ",
                                    length, " apart"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShape(const SelectionResult& result) {
  const int64_t entries = std::ssize(result.entry_rows) - 1;
  if (result.rows() != result.entry_rows.back()) {
    return Malformed(absl::StrCat(result.rows(), " rows, expected ", result.entry_rows.back()));
  }
  if (std::ssize(result.epochs) != entries || std::ssize(result.lengths) != entries) {
    return Malformed(absl::StrCat("epochs or lengths are not those of ", entries, " entries"));
  }
  for (const EntryError& error : result.errors) {
    if (error.entry < 0 || error.entry >= entries) {
      return Malformed(absl::StrCat("an error of entry ", error.entry));
    }
  }
  if (!result.scores.empty() && result.scores.size() != result.positions.size()) {
    return Malformed("scores are not shaped like positions");
  }
  return result.offsets.empty() ? CheckPadded(result) : CheckPacked(result);
}

std::span<const int32_t> RowOf(const SelectionResult& result, const std::vector<int32_t>& list,
                               int64_t row) {
  const int64_t first = result.offsets.empty() ? row * result.width : result.offsets[row];
  return std::span(list).subspan(first, result.counts[row]);
}

}  // namespace

std::span<const int32_t> SelectionResult::Row(int64_t row) const {
  return RowOf(*this, positions, row);
}

std::span<const int32_t> SelectionResult::RowScores(int64_t row) const {
  return RowOf(*this, scores, row);
}

absl::StatusOr<SelectionResult> FromProto(const v1::StepResponse& response,
                                          std::vector<int64_t> entry_rows) {
  SelectionResult result;
  const v1::Answer& answer = response.answer();
  result.width = answer.width();
  result.counts = ToList(answer.counts());
  result.positions = ToList(answer.positions());
  result.offsets = ToList(answer.offsets());
  result.scores = ToList(answer.scores());
  result.entry_rows = std::move(entry_rows);
  result.epochs.assign(response.epochs().begin(), response.epochs().end());
  result.lengths.assign(response.lengths().begin(), response.lengths().end());
  result.errors = ToEntryErrors(response.entry_errors());
  result.server_incarnation = response.server_incarnation();
  const absl::Status status = CheckShape(result);
  if (!status.ok()) return status;
  return result;
}

}  // namespace kvsift::client
