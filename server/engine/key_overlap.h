// New keys of one layer that may already be stored: how they are compared.
#ifndef KVSIFT_SERVER_ENGINE_KEY_OVERLAP_H_
#define KVSIFT_SERVER_ENGINE_KEY_OVERLAP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "kernels/backend.h"
#include "kernels/format/store_format.h"

namespace kvsift {

// Stored codes of the positions that an append names again.
class KeyOverlap {
 public:
  // Makes room for `count` positions of `layer` from `start` on. The room is left as it is: this
  // runs under the shard's mutex, and the read fills all of it.
  KeyOverlap(const StoreFormat& format, int layer, int64_t start, int64_t count);

  // A read of the stored codes into this object, which stays where it is until the batch is done.
  KeyRead Read(const BackendStore& store, const PageTable& table);

  // The first position whose stored code differs from `keys` (codes or raw, the first of them at
  // `start`), or nothing. REQUIRES: the read is done.
  std::optional<int64_t> FirstDifference(const StoreFormat& format, const VectorData& keys) const;

 private:
  int layer_;
  int64_t start_;
  int64_t count_;
  int64_t bytes_;
  std::unique_ptr<std::byte[]> stored_;  // [bytes_]
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_KEY_OVERLAP_H_
