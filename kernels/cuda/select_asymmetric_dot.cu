#include "kernels/cuda/select_kernel.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

SelectKernel AsymmetricDotKernel(TileOrder order, int dim) {
  return FragmentKernel<Estimate::kAsymmetricDot>(order, dim);
}

}  // namespace kvsift::cuda
