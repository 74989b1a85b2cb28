// How often the key codes that are appended to a store take each level.
#ifndef KVSIFT_SERVER_ENGINE_LEVEL_TALLY_H_
#define KVSIFT_SERVER_ENGINE_LEVEL_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "kernels/format/store_format.h"
#include "server/engine/level_deviation.h"
#include "server/engine/mutex.h"

namespace kvsift {

// Looks at one of 64 positions, on the host, where keys pass on their way to the device: most
// decode steps cost a comparison. Raw keys are encoded here once more for it, with the same result.
//
// Thread-safe.
class LevelTally {
 public:
  // Position 0 is none of them: many models keep a key there that is like no other.
  static constexpr int64_t kStride = 64;
  static constexpr int64_t kOffset = 31;
  // At most so many positions of a layer at once; those of a longer append lie further apart.
  static constexpr int64_t kMostAtOnce = 16;

  // REQUIRES: `format` outlives the tally.
  explicit LevelTally(const StoreFormat& format);

  // Counts the levels of the sampled ones of the positions [start, start + count) of a layer. Their
  // keys are as in KeyWrite. Returns whether there were any.
  bool Count(int layer, int64_t start, int64_t count, const VectorData& keys);

  // Coordinates counted, [layers, kv_heads, 2^key_bits].
  std::vector<int64_t> Counts() const;

  // The kv head of a layer that deviates most, if enough of one was sampled. Its layer_id is the
  // index of the layer.
  std::optional<LevelDeviation> LargestOf(int layer) const;

 private:
  // Codes [kv_heads, planes, D/32] of one position.
  void CountCodes(int layer, std::span<const std::byte> codes);
  int64_t Index(int layer, int kv_head) const;

  const StoreFormat& format_;
  const int levels_;
  mutable Mutex mutex_;
  std::vector<int64_t> counts_ ABSL_GUARDED_BY(mutex_);  // [layers, kv_heads, levels_]
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_LEVEL_TALLY_H_
