// What decides the codes and pages of a store, as plain values that a backend copies to where
// its kernels read them.
#ifndef KVSIFT_KERNELS_FORMAT_STORE_FORMAT_H_
#define KVSIFT_KERNELS_FORMAT_STORE_FORMAT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/format/code_shape.h"

namespace kvsift {

// The attention shape that codes are made for.
struct StoreShape {
  int layers = 0;  // how many layers the store holds; backends index them 0 .. layers - 1
  int kv_heads = 0;
  int query_heads = 0;  // a multiple of kv_heads; query head h reads kv head h / group_size()
  int head_dim = 0;     // 1 .. 256, as the model has it
  int key_bits = 2;     // 1 .. 3

  int padded_dim() const { return PaddedDim(head_dim); }
  int group_size() const { return query_heads / kv_heads; }

  // Bytes of one position's key codes over the kv heads of one layer.
  int64_t key_bytes_per_position() const { return kv_heads * CodeBytes(head_dim, key_bits); }

  bool operator==(const StoreShape&) const = default;
};

// A shape with its quantizer.
struct StoreFormat {
  StoreShape shape;

  // [layers, kv_heads], or empty: then the store takes codes only, and layer_max weighs every
  // kv head with scale 1.
  std::vector<float> key_scales;

  // [layers, kv_heads, 2^bits - 1] as KeyThresholds gives them; empty without key scales.
  std::vector<float> thresholds;

  bool has_key_scales() const { return !key_scales.empty(); }

  // Thresholds of one (layer, kv head). REQUIRES: has_key_scales().
  std::span<const float> ThresholdsOf(int layer, int kv_head) const;

  // Key scales of a layer [kv_heads], or an empty span.
  std::span<const float> KeyScalesOf(int layer) const;
};

// A format with thresholds computed from `key_scales` ([layers, kv_heads] or empty).
// REQUIRES: sizes and ranges were validated.
StoreFormat MakeStoreFormat(const StoreShape& shape, std::vector<float> key_scales);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_FORMAT_STORE_FORMAT_H_
