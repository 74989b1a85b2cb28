#include "kernels/cuda/select_kernel.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

SelectKernel ManhattanKernel(TileOrder order, int dim) {
  return FragmentKernel<Estimate::kManhattan>(order, dim);
}

}  // namespace kvsift::cuda
