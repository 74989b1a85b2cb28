// Ascending lists of positions with values, and what groupings make of them.
#ifndef KVSIFT_KERNELS_CPU_POSITION_LISTS_H_
#define KVSIFT_KERNELS_CPU_POSITION_LISTS_H_

#include <cstdint>
#include <span>

#include "kernels/cpu/scratch.h"

namespace kvsift {

// Positions ascending; larger values are better. Arrays are borrowed.
struct ValuedList {
  std::span<const int32_t> positions;
  std::span<const int32_t> values;

  int64_t count() const { return std::ssize(positions); }
};

// All positions of the lists, ascending, each once with the best of its values. Works in `lists`
// and in memory of `scratch`, where the result may lie.
ValuedList MergeLists(std::span<ValuedList> lists, Scratch& scratch);

// The list of a group by the best of its heads' values, at most k positions, ascending. Each
// list holds at least the k best of its head, or all of them. Exact because a member of the
// group's best k is a member of the best k of the head where it attains its value (semantics.md,
// "group_max"), and where it is not, its value can only look worse than it is. Works where
// MergeLists does.
std::span<const int32_t> BestOfLists(std::span<ValuedList> lists, int64_t k, Scratch& scratch);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_POSITION_LISTS_H_
