#include "client/load/vector_pool.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/load/synthetic_vectors.h"
#include "kernels/encode/encode.h"

namespace kvsift::load {
namespace {

constexpr ElementType kRawType = ElementType::kFloat16;

void Append(std::vector<std::byte>& out, const std::vector<std::byte>& from, int64_t first,
            int64_t count) {
  out.insert(out.end(), from.begin() + first, from.begin() + first + count);
}

}  // namespace

absl::StatusOr<VectorPool> VectorPool::Make(const Options& options,
                                            const std::vector<RawLayer>& layers) {
  VectorPool pool;
  const StoreShape& shape = options.shape;
  const int64_t vector_bytes = int64_t{shape.head_dim} * ElementBytes(kRawType);
  pool.query_heads_ = shape.query_heads;
  pool.positions_ = std::ssize(layers.front().keys) / (shape.kv_heads * vector_bytes);
  pool.queries_ = std::ssize(layers.front().queries) / (shape.query_heads * vector_bytes);
  absl::Status status = pool.MeasureScales(shape, layers);
  if (!status.ok()) return status;
  if (!options.raw) {
    status = pool.Encode(options, layers);
    if (!status.ok()) return status;
    return pool;
  }
  pool.type_ = kRawType;
  pool.key_bytes_ = shape.kv_heads * vector_bytes;
  pool.query_bytes_ = shape.query_heads * vector_bytes;
  for (const RawLayer& layer : layers) pool.layers_.push_back({layer.keys, layer.queries, {}});
  return pool;
}

absl::Status VectorPool::MeasureScales(const StoreShape& shape,
                                       const std::vector<RawLayer>& layers) {
  std::vector<std::vector<float>> scales;
  for (const RawLayer& layer : layers) {
    absl::StatusOr<std::vector<float>> measured =
        CalibrateKeyScales(shape.head_dim, shape.kv_heads, positions_, kRawType, layer.keys);
    if (!measured.ok()) return measured.status();
    scales.push_back(*std::move(measured));
  }
  for (int layer = 0; layer < shape.layers; ++layer) {
    const std::vector<float>& source = scales[layer % scales.size()];
    key_scales_.insert(key_scales_.end(), source.begin(), source.end());
  }
  return absl::OkStatus();
}

absl::Status VectorPool::Encode(const Options& options, const std::vector<RawLayer>& layers) {
  const StoreShape& shape = options.shape;
  key_bytes_ = shape.key_bytes_per_position();
  query_bytes_ =
      shape.query_heads * CodeBytes(shape.head_dim, QueryPlanes(options.estimator, shape.key_bits));
  const StoreFormat format = MakeStoreFormat(shape, key_scales_);
  // A store with fewer layers than the trace uses its first ones.
  const auto used = std::min<int64_t>(std::ssize(layers), shape.layers);
  for (int64_t i = 0; i < used; ++i) {
    Layer& layer = layers_.emplace_back();
    layer.keys.resize(positions_ * key_bytes_);
    EncodeKeys(format, static_cast<int>(i), kRawType, layers[i].keys, layer.keys);
    const int64_t vectors = queries_ * shape.query_heads;
    layer.queries.resize(queries_ * query_bytes_);
    if (HasQueryScales(options.estimator)) layer.scales.resize(vectors);
    EncodeQueries(shape.head_dim, shape.key_bits, options.estimator, kRawType, vectors,
                  layers[i].queries, layer.queries, layer.scales);
  }
  return absl::OkStatus();
}

void VectorPool::CopyKeys(int layer, int64_t first, int64_t count,
                          std::vector<std::byte>& keys) const {
  const Layer& source = layers_[layer % layers_.size()];
  while (count > 0) {
    first %= positions_;
    const int64_t run = std::min(count, positions_ - first);
    Append(keys, source.keys, first * key_bytes_, run * key_bytes_);
    first += run;
    count -= run;
  }
}

void VectorPool::CopyQuery(int layer, int64_t position, std::vector<std::byte>& query,
                           std::vector<float>& scales) const {
  const Layer& source = layers_[layer % layers_.size()];
  const int64_t index = position % queries_;
  Append(query, source.queries, index * query_bytes_, query_bytes_);
  if (source.scales.empty()) return;
  const auto first = source.scales.begin() + index * query_heads_;
  scales.insert(scales.end(), first, first + query_heads_);
}

absl::StatusOr<std::vector<RawLayer>> RawLayersOf(const trace::Trace& trace,
                                                  const StoreShape& shape) {
  if (trace.kv_heads() != shape.kv_heads || trace.query_heads() != shape.query_heads ||
      trace.head_dim() != shape.head_dim) {
    return absl::InvalidArgumentError(
        absl::StrCat(trace.path(), ": ", trace.query_heads(), " query heads on ", trace.kv_heads(),
                     " kv heads of dimension ", trace.head_dim(), ", but the store has ",
                     shape.query_heads, ", ", shape.kv_heads, " and ", shape.head_dim));
  }
  std::vector<RawLayer> layers;
  for (const auto& [id, source] : trace.layers()) {
    const int64_t queries = source.queries.vectors_per_head;
    layers.push_back(
        {ToFloat16(source.keys.type, trace::KeysByPosition(source.keys, trace.tokens())),
         ToFloat16(source.queries.type, trace::KeysByPosition(source.queries, queries))});
  }
  return layers;
}

}  // namespace kvsift::load
