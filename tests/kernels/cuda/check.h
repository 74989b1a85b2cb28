// Errors of a benchmark end it.
#ifndef KVSIFT_TESTS_KERNELS_CUDA_CHECK_H_
#define KVSIFT_TESTS_KERNELS_CUDA_CHECK_H_

#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"

namespace kvsift::cuda {

inline void Check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s\n", cudaGetErrorString(error));
  std::exit(1);
}
inline void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_TESTS_KERNELS_CUDA_CHECK_H_
