// Traces: queries and keys that a real model computed, as attention sees them (after rotary
// embedding), recorded in a safetensors file.
//
//   token_ids          int32 [tokens]
//   query_positions    int32 [positions], ascending: the query recorded at p sees keys 0 .. p
//   layers.L.keys      float16, bfloat16 or float32 [kv_heads, tokens, head_dim]
//   layers.L.queries   the same types [query_heads, positions, head_dim]; query head h reads kv
//                      head h / (query_heads / kv_heads)
//   layers.L.values    optional, shaped like the keys
#ifndef KVSIFT_CLIENT_TRACE_TRACE_H_
#define KVSIFT_CLIENT_TRACE_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/trace/safetensors.h"
#include "kernels/format/element.h"

namespace kvsift::trace {

// Vectors of one kind, [heads, tokens or positions, head_dim] elements.
struct TraceVectors {
  ElementType type = ElementType::kFloat16;
  int64_t heads = 0;
  int64_t vectors_per_head = 0;
  int64_t head_dim = 0;
  std::span<const std::byte> bytes;

  // Elements of vectors [first, first + count) of one head: [count, head_dim].
  std::span<const std::byte> Of(int64_t head, int64_t first, int64_t count) const;
};

struct TraceLayer {
  TraceVectors keys;
  TraceVectors queries;
  std::optional<TraceVectors> values;
};

// A validated trace: every shape fits every other, every element is finite and at most 2^32 in
// magnitude. Movable; spans stay valid as long as it lives.
class Trace {
 public:
  // Errors: as SafetensorsFile::Open; INVALID_ARGUMENT, naming the file and the tensor, if a
  // tensor is missing, has another type or shape, or does not agree with the metadata.
  static absl::StatusOr<Trace> Open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  int64_t tokens() const { return static_cast<int64_t>(token_ids_.size()); }
  int kv_heads() const { return kv_heads_; }
  int query_heads() const { return query_heads_; }
  int head_dim() const { return head_dim_; }

  std::span<const int32_t> token_ids() const { return token_ids_; }
  std::span<const int32_t> query_positions() const { return query_positions_; }

  // Ascending by layer id; at least one.
  const std::map<int32_t, TraceLayer>& layers() const { return layers_; }

  // What the file says of itself, such as "model" and "text"; or an empty string.
  std::string Remark(const std::string& key) const;

 private:
  explicit Trace(SafetensorsFile file) : file_(std::move(file)) {}

  // Each fills its part from file_, or says what is wrong.
  absl::Status ReadPositions();
  absl::Status ReadLayers();
  absl::Status ReadLayer(int32_t id);
  absl::Status CheckRemarks() const;

  // The first layer decides the heads of all.
  absl::Status TakeHeads(const std::string& prefix, const TraceVectors& keys,
                         const TraceVectors& queries);

  SafetensorsFile file_;
  int kv_heads_ = 0;
  int query_heads_ = 0;
  int head_dim_ = 0;
  std::vector<int32_t> token_ids_;
  std::vector<int32_t> query_positions_;
  std::map<int32_t, TraceLayer> layers_;
};

// Keys of positions [0, positions) of a layer in the order that the service takes:
// [positions, kv_heads, head_dim] elements. REQUIRES: positions <= keys.vectors_per_head.
std::vector<std::byte> KeysByPosition(const TraceVectors& keys, int64_t positions);

}  // namespace kvsift::trace

#endif  // KVSIFT_CLIENT_TRACE_TRACE_H_
