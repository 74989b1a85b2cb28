#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels AsymmetricDotKernels(TileOrder order, int dim) {
  return FragmentKernels<Estimate::kAsymmetricDot>(order, dim);
}

}  // namespace kvsift::cuda
