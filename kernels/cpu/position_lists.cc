#include "kernels/cpu/position_lists.h"

#include <algorithm>
#include <utility>

#include "kernels/cpu/top_k.h"

namespace kvsift {
namespace {

// Where lists are written, one behind the other.
struct Room {
  int32_t* positions = nullptr;
  int32_t* values = nullptr;

  ValuedList First(size_t count) const { return {{positions, count}, {values, count}}; }
  Room From(int64_t first) const { return {positions + first, values + first}; }
};

Room MakeRoom(Scratch& scratch, int64_t count) {
  return {scratch.Array<int32_t>(count).data(), scratch.Array<int32_t>(count).data()};
}

int64_t TotalCount(std::span<const ValuedList> lists) {
  int64_t total = 0;
  for (const ValuedList& list : lists) total += list.count();
  return total;
}

// Writes the union of two lists. Without branches on the data: which list is ahead is random.
ValuedList MergeTwo(const ValuedList& a, const ValuedList& b, const Room& merged) {
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
  const auto append = [&](const ValuedList& list, size_t from) {
    std::copy(list.positions.begin() + static_cast<std::ptrdiff_t>(from), list.positions.end(),
              merged.positions + n);
    std::copy(list.values.begin() + static_cast<std::ptrdiff_t>(from), list.values.end(),
              merged.values + n);
    n += list.positions.size() - from;
  };
  append(a, i);
  append(b, j);
  return merged.First(n);
}

// Drops what is worse than every member of some list that alone has k: it cannot be among the k
// best of all.
void DropHopeless(std::span<ValuedList> lists, int64_t k, Scratch& scratch) {
  int32_t bound = INT32_MIN;
  for (const ValuedList& list : lists) {
    if (list.count() < k) continue;
    bound = std::max(bound, *std::min_element(list.values.begin(), list.values.end()));
  }
  for (ValuedList& list : lists) {
    const Room kept = MakeRoom(scratch, list.count());
    size_t n = 0;
    for (size_t i = 0; i < list.values.size(); ++i) {
      kept.positions[n] = list.positions[i];
      kept.values[n] = list.values[i];
      n += list.values[i] >= bound;
    }
    list = kept.First(n);
  }
}

}  // namespace

ValuedList MergeLists(std::span<ValuedList> lists, Scratch& scratch) {
  if (lists.empty()) return {};
  // Each round merges pairs from one room into the other.
  Room room = MakeRoom(scratch, TotalCount(lists));
  Room other = MakeRoom(scratch, TotalCount(lists));
  while (lists.size() > 1) {
    const size_t pairs = (lists.size() + 1) / 2;
    int64_t used = 0;
    for (size_t i = 0; i < pairs; ++i) {
      const bool alone = 2 * i + 1 == lists.size();
      lists[i] = MergeTwo(lists[2 * i], alone ? ValuedList() : lists[2 * i + 1], room.From(used));
      used += lists[i].count();
    }
    lists = lists.first(pairs);
    std::swap(room, other);
  }
  return lists.front();
}

std::span<const int32_t> BestOfLists(std::span<ValuedList> lists, int64_t k, Scratch& scratch) {
  DropHopeless(lists, k, scratch);
  const ValuedList all = MergeLists(lists, scratch);
  TopK<int32_t> top = MakeTopK<int32_t>(scratch, k);
  Consume(top, all.values, all.positions);
  Finish(top);
  return top.kept();
}

}  // namespace kvsift
