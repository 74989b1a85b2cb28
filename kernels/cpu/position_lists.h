// Ascending lists of positions with values, and what groupings make of them.
#ifndef KVSIFT_KERNELS_CPU_POSITION_LISTS_H_
#define KVSIFT_KERNELS_CPU_POSITION_LISTS_H_

#include <cstdint>
#include <span>
#include <vector>

namespace kvsift {

// Positions ascending; larger values are better.
struct ValuedList {
  std::vector<int32_t> positions;
  std::vector<int32_t> values;
};

// All positions of the lists, ascending, each once with the best of its values.
ValuedList MergeLists(std::vector<ValuedList> lists);

// The list of a group by the best of its heads' values, at most k positions, ascending. Each
// list holds at least the k best of its head, or all of them. Exact because a member of the
// group's best k is a member of the best k of the head where it attains its value (semantics.md,
// "group_max"), and where it is not, its value can only look worse than it is.
std::vector<int32_t> BestOfLists(std::vector<ValuedList> lists, int64_t k);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_POSITION_LISTS_H_
