#include "client/load/content.h"

#include <algorithm>

#include "client/load/random.h"

namespace kvsift::load {

void Content::Cut(int64_t start, uint64_t salt) {
  while (stretches_.size() > 1 && stretches_.back().start >= start) stretches_.pop_back();
  if (start <= 0) stretches_.clear();
  stretches_.push_back({std::max<int64_t>(start, 0), salt});
}

int64_t Content::PoolPosition(const VectorPool& pool, int layer, int64_t position) const {
  const auto next = std::upper_bound(
      stretches_.begin(), stretches_.end(), position,
      [](int64_t wanted, const Stretch& stretch) { return wanted < stretch.start; });
  const uint64_t place = Mix((next - 1)->salt, static_cast<uint64_t>(layer));
  const auto positions = static_cast<uint64_t>(pool.positions());
  return static_cast<int64_t>((place % positions + static_cast<uint64_t>(position)) % positions);
}

void Content::CopyKeys(const VectorPool& pool, int layer, int64_t start, int64_t count,
                       std::vector<std::byte>& keys) const {
  const int64_t end = start + count;
  for (size_t i = 0; i < stretches_.size(); ++i) {
    const int64_t first = std::max(start, stretches_[i].start);
    const int64_t last = i + 1 < stretches_.size() ? std::min(end, stretches_[i + 1].start) : end;
    if (first < last) {
      pool.CopyKeys(layer, PoolPosition(pool, layer, first), last - first, keys);
    }
  }
}

}  // namespace kvsift::load
