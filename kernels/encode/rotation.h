// The rotation that spreads outliers over all coordinates (arXiv 2510.18413, section 3).
#ifndef KVSIFT_KERNELS_ENCODE_ROTATION_H_
#define KVSIFT_KERNELS_ENCODE_ROTATION_H_

#include <span>

namespace kvsift {

// Replaces x by its unnormalised Hadamard transform: for strides w = 1, 2, 4, ... D/2, elements
// i and i + w (where i & w is 0) become their sum and difference, each rounded to float32.
// The order of strides is part of the definition, because it decides the rounding.
// REQUIRES: x.size() is a power of two.
void Rotate(std::span<float> x);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ENCODE_ROTATION_H_
