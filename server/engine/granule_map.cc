#include "server/engine/granule_map.h"

#include <iterator>

namespace kvsift {

GranuleMap::GranuleMap(int64_t count) {
  if (count > 0) runs_.emplace(0, count);
}

int64_t GranuleMap::Take(int64_t count) {
  for (auto run = runs_.begin(); run != runs_.end(); ++run) {
    const auto [first, length] = *run;
    if (length < count) continue;
    const auto next = runs_.erase(run);
    if (length > count) runs_.emplace_hint(next, first + count, length - count);
    return first;
  }
  return -1;
}

void GranuleMap::Give(int64_t first, int64_t count) {
  auto next = runs_.lower_bound(first);
  if (next != runs_.end() && first + count == next->first) {
    count += next->second;
    next = runs_.erase(next);
  }
  if (next != runs_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      before->second += count;
      return;
    }
  }
  runs_.emplace_hint(next, first, count);
}

}  // namespace kvsift
