// What a sequence holds, without holding it.
#ifndef KVSIFT_CLIENT_LOAD_CONTENT_H_
#define KVSIFT_CLIENT_LOAD_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/load/vector_pool.h"

namespace kvsift::load {

// A sequence's keys are windows into a pool: every stretch of positions begins at a place that its
// salt and the layer decide. A rollback begins a stretch of its own, so that what is appended then
// differs from what was there; a fork's content is a copy of its parent's, cut.
class Content {
 public:
  // Positions from 0 on, decided by `salt`.
  explicit Content(uint64_t salt) : stretches_{{0, salt}} {}

  // Positions from `start` on are decided by `salt` instead.
  void Cut(int64_t start, uint64_t salt);

  // The pool's position behind a position of a layer.
  int64_t PoolPosition(const VectorPool& pool, int layer, int64_t position) const;

  // Appends keys of positions [start, start + count).
  void CopyKeys(const VectorPool& pool, int layer, int64_t start, int64_t count,
                std::vector<std::byte>& keys) const;

 private:
  struct Stretch {
    int64_t start;
    uint64_t salt;
  };

  std::vector<Stretch> stretches_;  // ascending by start; the first starts at 0
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_CONTENT_H_
