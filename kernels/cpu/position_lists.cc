#include "kernels/cpu/position_lists.h"

#include <algorithm>
#include <utility>

#include "kernels/cpu/top_k.h"

namespace kvsift {
namespace {

// The union of two lists. Written without branches on the data: which list is ahead is random.
ValuedList MergeTwo(const ValuedList& a, const ValuedList& b) {
  ValuedList merged;
  merged.positions.resize(a.positions.size() + b.positions.size());
  merged.values.resize(merged.positions.size());
  size_t i = 0;
  size_t j = 0;
  size_t n = 0;
  while (i < a.positions.size() && j < b.positions.size()) {
    const int32_t p = a.positions[i];
    const int32_t q = b.positions[j];
    const int32_t worst = INT32_MIN;
    const int32_t value_p = p <= q ? a.values[i] : worst;
    const int32_t value_q = q <= p ? b.values[j] : worst;
    merged.positions[n] = std::min(p, q);
    merged.values[n] = std::max(value_p, value_q);
    ++n;
    i += p <= q;
    j += q <= p;
  }
  const auto append = [&](const ValuedList& rest, size_t from) {
    const auto offset = static_cast<std::ptrdiff_t>(from);
    std::copy(rest.positions.begin() + offset, rest.positions.end(),
              merged.positions.begin() + static_cast<std::ptrdiff_t>(n));
    std::copy(rest.values.begin() + offset, rest.values.end(),
              merged.values.begin() + static_cast<std::ptrdiff_t>(n));
    n += rest.positions.size() - from;
  };
  append(a, i);
  append(b, j);
  merged.positions.resize(n);
  merged.values.resize(n);
  return merged;
}

// Drops what is worse than every member of some list that alone has k: it cannot be among the k
// best of all.
void DropHopeless(std::vector<ValuedList>& lists, int64_t k) {
  int32_t bound = INT32_MIN;
  for (const ValuedList& list : lists) {
    if (std::ssize(list.values) < k) continue;
    bound = std::max(bound, *std::min_element(list.values.begin(), list.values.end()));
  }
  for (ValuedList& list : lists) {
    size_t n = 0;
    for (size_t i = 0; i < list.values.size(); ++i) {
      list.positions[n] = list.positions[i];
      list.values[n] = list.values[i];
      n += list.values[i] >= bound;
    }
    list.positions.resize(n);
    list.values.resize(n);
  }
}

}  // namespace

ValuedList MergeLists(std::vector<ValuedList> lists) {
  if (lists.empty()) return {};
  while (lists.size() > 1) {
    std::vector<ValuedList> merged;
    for (size_t i = 0; i + 1 < lists.size(); i += 2) {
      merged.push_back(MergeTwo(lists[i], lists[i + 1]));
    }
    if (lists.size() % 2 == 1) merged.push_back(std::move(lists.back()));
    lists = std::move(merged);
  }
  return std::move(lists.front());
}

std::vector<int32_t> BestOfLists(std::vector<ValuedList> lists, int64_t k) {
  DropHopeless(lists, k);
  const ValuedList all = MergeLists(std::move(lists));
  const int64_t capacity = TopKCapacity(k);
  std::vector<int32_t> values(static_cast<size_t>(capacity));
  std::vector<int32_t> positions(static_cast<size_t>(capacity));
  TopK<int32_t> top{
      .values = values.data(), .positions = positions.data(), .capacity = capacity, .k = k};
  Consume(top, all.values, all.positions);
  Finish(top);
  positions.resize(static_cast<size_t>(top.count));
  return positions;
}

}  // namespace kvsift
