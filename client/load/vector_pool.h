// Keys and queries to send: made once, so that a call costs a copy.
#ifndef KVSIFT_CLIENT_LOAD_VECTOR_POOL_H_
#define KVSIFT_CLIENT_LOAD_VECTOR_POOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/trace/trace.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"
#include "kvsift/vectors.h"

namespace kvsift::load {

// Raw vectors of one attention layer, as models compute them: float16 elements.
struct RawLayer {
  std::vector<std::byte> keys;     // [positions, kv_heads, head_dim]
  std::vector<std::byte> queries;  // [queries, query_heads, head_dim]
};

// A ring of positions, whose keys and queries travel as codes or as raw float16 elements. The
// query of a position is like one that a model asks there: it scores the keys just before it
// higher. Immutable, so thread-safe.
class VectorPool {
 public:
  struct Options {
    StoreShape shape;
    Estimator estimator = Estimator::kAsymmetricDot;
    bool raw = false;
  };

  // Layer i of the store takes the vectors of layers[i % layers.size()]; all have the same sizes.
  // Errors: INVALID_ARGUMENT if keys have no scale that a store accepts.
  static absl::StatusOr<VectorPool> Make(const Options& options,
                                         const std::vector<RawLayer>& layers);

  // Of the store, as measured on the keys [layers, kv_heads].
  const std::vector<float>& key_scales() const { return key_scales_; }
  int64_t positions() const { return positions_; }
  std::optional<ElementType> type() const { return type_; }  // nothing: codes
  int64_t key_bytes() const { return key_bytes_; }           // of one position of a layer

  // Appends keys of `count` positions from `first` on; positions() follows as 0.
  void CopyKeys(int layer, int64_t first, int64_t count, std::vector<std::byte>& keys) const;

  // Appends the query token of a position, and its scales if it has some.
  void CopyQuery(int layer, int64_t position, std::vector<std::byte>& query,
                 std::vector<float>& scales) const;

 private:
  struct Layer {
    std::vector<std::byte> keys;
    std::vector<std::byte> queries;
    std::vector<float> scales;  // [queries, query_heads], or empty
  };

  absl::Status Encode(const Options& options, const std::vector<RawLayer>& layers);
  absl::Status MeasureScales(const StoreShape& shape, const std::vector<RawLayer>& layers);

  std::vector<Layer> layers_;
  std::vector<float> key_scales_;
  std::optional<ElementType> type_;
  int64_t positions_ = 0;
  int64_t queries_ = 0;
  int64_t key_bytes_ = 0;
  int64_t query_bytes_ = 0;
  int64_t query_heads_ = 0;
};

// The layers of a trace as a pool takes them, other element types converted to float16.
// Errors: INVALID_ARGUMENT if the trace has other heads than the shape.
absl::StatusOr<std::vector<RawLayer>> RawLayersOf(const trace::Trace& trace,
                                                  const StoreShape& shape);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_VECTOR_POOL_H_
