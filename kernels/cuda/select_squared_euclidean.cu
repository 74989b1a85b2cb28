#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels SquaredEuclideanKernels(TileOrder order, int dim) {
  return FragmentKernels<Estimate::kSquaredEuclidean>(order, dim);
}

}  // namespace kvsift::cuda
