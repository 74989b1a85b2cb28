#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels DotKernels(TileOrder order, int dim) {
  return FragmentKernels<Estimate::kDot>(order, dim);
}

}  // namespace kvsift::cuda
