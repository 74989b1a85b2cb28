#include "kernels/cuda/select_kernel.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

SelectKernel SquaredEuclideanKernel(TileOrder order, int dim) {
  return FragmentKernel<Estimate::kSquaredEuclidean>(order, dim);
}

}  // namespace kvsift::cuda
