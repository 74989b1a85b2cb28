#include "client/pool/answer_merge.h"

#include <algorithm>
#include <utility>

#include "kernels/select/policy.h"

namespace kvsift::client {
namespace {

constexpr int32_t kPadding = -1;

// Where an entry's answer is.
struct Source {
  const SelectionResult* result = nullptr;  // nullptr: it failed
  int64_t entry = 0;                        // of that result
};

class Merge {
 public:
  Merge(const Store& store, const StepRequest& request, const std::vector<PartAnswer>& parts)
      : shape_(store.config.Shape()), request_(request), sources_(request.entries.size()) {
    for (const PartAnswer& part : parts) {
      for (size_t i = 0; i < part.entries.size(); ++i) {
        if (part.entries[i] == PartAnswer::kSuperseded) continue;
        sources_[part.entries[i]] = {&part.result, static_cast<int64_t>(i)};
      }
    }
  }

  SelectionResult Run() {
    SetWidth();
    const bool is_packed = request_.queries.layout == RowLayout::kPacked;
    if (is_packed) merged_.offsets.push_back(0);
    merged_.entry_rows.push_back(0);
    for (size_t entry = 0; entry < sources_.size(); ++entry) {
      const Source& source = sources_[entry];
      const int64_t rows = RowsOf(request_.entries[entry]);
      for (int64_t row = 0; row < rows; ++row) AddRow(source, row, is_packed);
      merged_.entry_rows.push_back(merged_.rows());
      merged_.epochs.push_back(source.result ? source.result->epochs[source.entry] : 0);
      merged_.lengths.push_back(source.result ? source.result->lengths[source.entry] : 0);
    }
    return std::move(merged_);
  }

 private:
  int64_t RowsOf(const StepEntry& entry) const {
    if (entry.query_tokens == 0) return 0;
    const Policy& policy = request_.queries.policies[entry.policy];
    return entry.query_tokens * RowsPerToken(policy.grouping, shape_);
  }

  // The width that one server would have taken: that of the widest policy in use.
  void SetWidth() {
    if (request_.queries.layout == RowLayout::kPacked) return;
    int64_t width = 0;
    for (const StepEntry& entry : request_.entries) {
      if (entry.query_tokens == 0) continue;
      width = std::max(width, RowCapacity(request_.queries.policies[entry.policy], shape_));
    }
    merged_.width = static_cast<int32_t>(width);
  }

  void AddRow(const Source& source, int64_t row, bool is_packed) {
    std::span<const int32_t> positions;
    std::span<const int32_t> scores;
    if (source.result != nullptr) {
      const int64_t theirs = source.result->entry_rows[source.entry] + row;
      positions = source.result->Row(theirs);
      if (!source.result->scores.empty()) scores = source.result->RowScores(theirs);
    }
    merged_.counts.push_back(static_cast<int32_t>(positions.size()));
    merged_.positions.insert(merged_.positions.end(), positions.begin(), positions.end());
    if (request_.queries.want_scores) {
      merged_.scores.insert(merged_.scores.end(), scores.begin(), scores.end());
    }
    const auto end = static_cast<size_t>(merged_.rows()) * merged_.width;
    if (is_packed) {
      merged_.offsets.push_back(static_cast<int32_t>(merged_.positions.size()));
    } else {
      merged_.positions.resize(end, kPadding);
      if (request_.queries.want_scores) merged_.scores.resize(end, 0);
    }
  }

  const StoreShape shape_;
  const StepRequest& request_;
  std::vector<Source> sources_;  // [the request's entries]
  SelectionResult merged_;
};

}  // namespace

SelectionResult MergeAnswers(const Store& store, const StepRequest& request,
                             const std::vector<PartAnswer>& parts,
                             const std::vector<EntryError>& failed) {
  SelectionResult merged = Merge(store, request, parts).Run();
  merged.errors = failed;
  for (const PartAnswer& part : parts) {
    for (EntryError error : part.result.errors) {
      error.entry = part.entries[error.entry];
      if (error.entry != PartAnswer::kSuperseded) merged.errors.push_back(std::move(error));
    }
  }
  std::sort(merged.errors.begin(), merged.errors.end(),
            [](const EntryError& a, const EntryError& b) { return a.entry < b.entry; });
  for (const EntryError& error : failed) {
    merged.epochs[error.entry] = error.epoch;
    merged.lengths[error.entry] = error.length;
  }
  if (!parts.empty()) merged.server_incarnation = parts.front().result.server_incarnation;
  return merged;
}

}  // namespace kvsift::client
