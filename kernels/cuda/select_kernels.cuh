// The instances of one estimator.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_

#include "kernels/cuda/cluster_select.cuh"
#include "kernels/cuda/scan_select.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

template <class Scorer, int kBlocksPerProcessor>
SelectKernels KernelsWith() {
  return {RankInCluster<Scorer, kBlocksPerProcessor>, ScanSlices<Scorer, kBlocksPerProcessor>,
          FinishColumns<Scorer>};
}

// For tiles in fragment order of D = `dim`.
template <Estimate kEstimate>
SelectKernels FragmentKernels(TileOrder order, int dim) {
  if (order == TileOrder::kFragment64) return KernelsWith<NarrowScorer<kEstimate>, 2>();
  return dim == 128 ? KernelsWith<FragmentScorer<kEstimate, 1>, 2>()
                    : KernelsWith<FragmentScorer<kEstimate, 2>, 1>();
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_
