#include "kernels/encode/rotation.h"

#include <bit>
#include <cassert>
#include <cstddef>

namespace kvsift {

void Rotate(std::span<float> x) {
  assert(std::has_single_bit(x.size()));
  for (size_t stride = 1; stride < x.size(); stride *= 2) {
    for (size_t i = 0; i < x.size(); ++i) {
      if ((i & stride) != 0) continue;
      const float a = x[i];
      const float b = x[i + stride];
      x[i] = a + b;
      x[i + stride] = a - b;
    }
  }
}

}  // namespace kvsift
