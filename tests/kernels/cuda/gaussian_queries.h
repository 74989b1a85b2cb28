// Queries for benchmarks.
#ifndef KVSIFT_TESTS_KERNELS_CUDA_GAUSSIAN_QUERIES_H_
#define KVSIFT_TESTS_KERNELS_CUDA_GAUSSIAN_QUERIES_H_

#include <cstdint>
#include <vector>

#include "kernels/backend.h"

namespace kvsift::cuda {

// Codes [vectors, words] of queries whose coordinates are normally distributed, as rotated ones
// nearly are: how far scores spread decides how often a search has to look twice.
std::vector<uint32_t> GaussianQueries(const StoreShape& shape, Estimator estimator,
                                      int64_t vectors);

}  // namespace kvsift::cuda

#endif  // KVSIFT_TESTS_KERNELS_CUDA_GAUSSIAN_QUERIES_H_
