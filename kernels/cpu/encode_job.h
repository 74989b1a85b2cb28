// The arguments of the encoding loops, as plain values that cross the dispatch over targets.
#ifndef KVSIFT_KERNELS_CPU_ENCODE_JOB_H_
#define KVSIFT_KERNELS_CPU_ENCODE_JOB_H_

#include <cstddef>
#include <cstdint>

#include "kernels/format/element.h"

namespace kvsift {

// The magnitude below which the largest component of a 4-bit query makes it a zero vector.
inline constexpr float kSmallestFineComponent = 0x1p-100f;

struct KeyJob {
  int head_dim;
  ElementType type;
  int key_bits;
  int kv_heads;             // vector v belongs to kv head v % kv_heads
  const float* thresholds;  // [kv_heads, 2^bits - 1]
  bool has_gfni;            // the machine has the instructions that some loops need
  int64_t vectors;
  const std::byte* elements;
  std::byte* codes;
};

struct QueryJob {
  int head_dim;
  ElementType type;
  int key_bits;
  bool fine;  // 4 bits and a scale rather than key_bits
  int64_t vectors;
  const std::byte* elements;
  std::byte* codes;
  float* scales;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_ENCODE_JOB_H_
