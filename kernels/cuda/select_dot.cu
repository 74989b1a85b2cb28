#include "kernels/cuda/select_kernel.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

SelectKernel DotKernel(TileOrder order, int dim) {
  return FragmentKernel<Estimate::kDot>(order, dim);
}

}  // namespace kvsift::cuda
