// The instances of the selection kernel, one source file per estimator because they take long to
// compile.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_
#define KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_

#include "kernels/cuda/select.h"

namespace kvsift::cuda {

using SelectKernel = void (*)(SelectLaunch);

// For tiles in fragment order of D = `dim`. REQUIRES: order is not kPlain.
SelectKernel ManhattanKernel(TileOrder order, int dim);
SelectKernel SquaredEuclideanKernel(TileOrder order, int dim);
SelectKernel DotKernel(TileOrder order, int dim);
SelectKernel AsymmetricDotKernel(TileOrder order, int dim);

// For every layout and estimator, slowly.
SelectKernel PlainKernel();

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_
