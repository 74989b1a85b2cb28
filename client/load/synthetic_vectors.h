// Vectors that behave like a model's, from a seed.
//
// Their figures are those of tests/data/traces/war-and-peace-layer-14.safetensors (layer 14 of
// SmolLM2-135M-Instruct, after rotary embedding), measured per head in the rotated basis:
//
//   keys      root mean square 2.1 to 2.4; .36 to .48 of the energy in one direction that all
//             share; correlation of what is left with the key 1, 4, 16, 64, 256 positions before:
//             .77, .60, .49, .34, .18; norms vary by 7 to 10 %
//   queries   .39 to .61 of the energy in a direction of their own; the rest makes .53 (cosine)
//             with the newest key's, .45, .3, .18 with those 16, 64, 256 positions before
//   both      after the Hadamard transform coordinates are close to normal: kurtosis 2.9 to 3.3
#ifndef KVSIFT_CLIENT_LOAD_SYNTHETIC_VECTORS_H_
#define KVSIFT_CLIENT_LOAD_SYNTHETIC_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/load/vector_pool.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"

namespace kvsift::load {

// One layer with a query per position.
RawLayer SyntheticLayer(const StoreShape& shape, int64_t positions, uint64_t seed);

// Elements of any type as float16, rounded to nearest; too large ones become the largest, ones
// below the smallest normal number 0.
std::vector<std::byte> ToFloat16(ElementType type, std::vector<std::byte> elements);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_SYNTHETIC_VECTORS_H_
