// Codes of one vector, the portable way: what every implementation of encode/encode.h equals.
//
// All arithmetic is float32 with every step rounded, in the order that is written; nothing may be
// contracted or reassociated. A comparison with NaN is false, whatever the input holds.
#ifndef KVSIFT_KERNELS_ENCODE_VECTOR_CODES_H_
#define KVSIFT_KERNELS_ENCODE_VECTOR_CODES_H_

#include <cstddef>
#include <span>

#include "kernels/format/element.h"

namespace kvsift {

// Reads `head_dim` raw elements, pads them with zeros to rotated.size() = PaddedDim(head_dim)
// and rotates them.
void RotateElements(const std::byte* elements, ElementType type, int head_dim,
                    std::span<float> rotated);

// Key code of a rotated vector [D]: per coordinate how many of `thresholds` it exceeds, in as
// many planes as 2^planes - 1 thresholds need.
void EncodeKeyVector(std::span<const float> rotated, std::span<const float> thresholds,
                     std::byte* words);

// Root mean square of a rotated vector [D]: squares are added in halves, element i with i + w for
// w = D/2 .. 1, then sqrt(sum / D).
float RootMeanSquare(std::span<const float> rotated);

// Query code of the key's bits: cut at the key's multiples of the vector's own root mean square.
void EncodeQueryVector(std::span<const float> rotated, int key_bits, std::byte* words);

// 4-bit query code, four planes in two's complement, and its scale, which is returned: codes are
// rint(x / scale), half to even, scale = max|x| / 7. Below 2^-100 codes and scale are 0; NaN has
// the code 0.
float EncodeFineQueryVector(std::span<const float> rotated, std::byte* words);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ENCODE_VECTOR_CODES_H_
