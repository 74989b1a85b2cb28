// The instances of one estimator.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_

#include "kernels/cuda/cluster_select.cuh"
#include "kernels/cuda/scan_select.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

// Clusters have half as many blocks on a processor as scans: their blocks keep more.
template <class Scorer, int kBlocksPerProcessor>
SelectKernels KernelsWith() {
  return {RankInCluster<Scorer, kBlocksPerProcessor / 2>, ScanSlices<Scorer, kBlocksPerProcessor>,
          FinishColumns<Scorer, kBlocksPerProcessor>};
}

// For tiles in fragment order of D = `dim`.
template <Estimate kEstimate>
SelectKernels FragmentKernels(TileOrder order, int dim) {
  if (order == TileOrder::kFragment64) return KernelsWith<NarrowScorer<kEstimate>, 4>();
  return dim == 128 ? KernelsWith<FragmentScorer<kEstimate, 1>, 4>()
                    : KernelsWith<FragmentScorer<kEstimate, 2>, 2>();
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_KERNELS_CUH_
