#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels ManhattanKernels(TileOrder order, int dim) {
  return FragmentKernels<Estimate::kManhattan>(order, dim);
}

}  // namespace kvsift::cuda
