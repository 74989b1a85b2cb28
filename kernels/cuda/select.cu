#include "kernels/cuda/select.h"
#include "kernels/cuda/select_kernels.h"
#include "kernels/cuda/select_search.cuh"

namespace kvsift::cuda {
namespace {

SelectKernel KernelFor(TileOrder order, int dim, Estimate estimate) {
  if (order == TileOrder::kPlain) return PlainKernel();
  switch (estimate) {
    case Estimate::kManhattan:
      return ManhattanKernel(order, dim);
    case Estimate::kSquaredEuclidean:
      return SquaredEuclideanKernel(order, dim);
    case Estimate::kDot:
      return DotKernel(order, dim);
    default:
      return AsymmetricDotKernel(order, dim);
  }
}

cudaError_t Prepare(SelectKernel kernel, int shared_bytes_limit) {
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes_limit);
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
}

}  // namespace

cudaError_t PrepareSelect(int shared_bytes_limit) {
  for (int order = 0; order < 3; ++order) {
    for (int estimate = 0; estimate < 4; ++estimate) {
      for (const int dim : {128, 256}) {
        const cudaError_t error =
            Prepare(KernelFor(static_cast<TileOrder>(order), dim, static_cast<Estimate>(estimate)),
                    shared_bytes_limit);
        if (error != cudaSuccess) return error;
      }
    }
  }
  return cudaSuccess;
}

cudaError_t LaunchSelect(const SelectLaunch& launch, cudaStream_t stream) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = static_cast<unsigned int>(launch.plan.cluster);
  attribute.val.clusterDim.y = 1;
  attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned int>(launch.unit_count * launch.plan.cluster));
  config.blockDim = dim3(kSelectThreads);
  config.dynamicSmemBytes = static_cast<size_t>(launch.plan.shared_bytes);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = launch.plan.cluster > 1 ? 1 : 0;
  return cudaLaunchKernelEx(
      &config, KernelFor(launch.layout.order, launch.layout.dim, launch.estimate), launch);
}

}  // namespace kvsift::cuda
