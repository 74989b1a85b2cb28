// The instances of the selection kernels, one source file per estimator because they take long to
// compile.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_
#define KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_

#include "kernels/cuda/select.h"

namespace kvsift::cuda {

using SelectKernel = void (*)(SelectLaunch);

struct SelectKernels {
  SelectKernel rank_in_cluster;
  SelectKernel scan_slices;
  SelectKernel finish_columns;
};

// For tiles in fragment order of D = `dim`. REQUIRES: order is not kPlain.
SelectKernels ManhattanKernels(TileOrder order, int dim);
SelectKernels SquaredEuclideanKernels(TileOrder order, int dim);
SelectKernels DotKernels(TileOrder order, int dim);
SelectKernels AsymmetricDotKernels(TileOrder order, int dim);

// For every layout and estimator, slowly.
SelectKernels PlainKernels();

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_KERNELS_H_
