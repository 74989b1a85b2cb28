#include "tests/kernels/cuda/gaussian_queries.h"

#include <cstddef>
#include <random>
#include <span>

#include "kernels/encode/encode.h"
#include "kernels/format/code_shape.h"

namespace kvsift::cuda {

std::vector<uint32_t> GaussianQueries(const StoreShape& shape, Estimator estimator,
                                      int64_t vectors) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> raw(static_cast<size_t>(vectors * shape.head_dim));
  for (float& x : raw) x = normal(random);
  std::vector<uint32_t> codes(
      static_cast<size_t>(vectors * CodeWords(shape.head_dim, QueryPlanes(estimator, 2))));
  std::vector<float> scales(static_cast<size_t>(HasQueryScales(estimator) ? vectors : 0));
  EncodeQueries(shape.head_dim, shape.key_bits, estimator, ElementType::kFloat32, vectors,
                std::as_bytes(std::span(raw)), std::as_writable_bytes(std::span(codes)), scales);
  return codes;
}

}  // namespace kvsift::cuda
