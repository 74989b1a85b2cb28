#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/select.h"
#include "kernels/cuda/select_kernels.h"
#include "kernels/cuda/select_search.cuh"

namespace kvsift::cuda {
namespace {

SelectKernels KernelsFor(TileOrder order, int dim, Estimate estimate) {
  if (order == TileOrder::kPlain) return PlainKernels();
  switch (estimate) {
    case Estimate::kManhattan:
      return ManhattanKernels(order, dim);
    case Estimate::kSquaredEuclidean:
      return SquaredEuclideanKernels(order, dim);
    case Estimate::kDot:
      return DotKernels(order, dim);
    default:
      return AsymmetricDotKernels(order, dim);
  }
}

SelectKernels KernelsFor(const SelectLaunch& launch) {
  return KernelsFor(launch.layout.order, launch.layout.dim, launch.estimate);
}

cudaError_t Prepare(const SelectKernels& kernels, int shared_bytes_limit) {
  for (const SelectKernel kernel :
       {kernels.rank_in_cluster, kernels.scan_slices, kernels.finish_columns}) {
    const cudaError_t error = cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes_limit);
    if (error != cudaSuccess) return error;
  }
  return cudaFuncSetAttribute(kernels.rank_in_cluster,
                              cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
}

// Launches blocks, in clusters where there is one. They may begin while
// the kernel before them ends (dependent_launch.cuh).
cudaError_t Launch(SelectKernel kernel, const SelectLaunch& launch, int64_t blocks, int threads,
                   int shared_bytes, int cluster, cudaStream_t stream) {
  cudaLaunchAttribute attributes[2] = {BeginsEarly(), {}};
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim.x = static_cast<unsigned int>(cluster);
  attributes[1].val.clusterDim.y = 1;
  attributes[1].val.clusterDim.z = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned int>(blocks));
  config.blockDim = dim3(static_cast<unsigned int>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = cluster > 1 ? 2 : 1;
  void* arguments[] = {const_cast<SelectLaunch*>(&launch)};
  return cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(kernel), arguments);
}

}  // namespace

cudaError_t PrepareSelect(int shared_bytes_limit) {
  for (int order = 0; order < 3; ++order) {
    for (int estimate = 0; estimate < 4; ++estimate) {
      for (const int dim : {128, 256}) {
        const cudaError_t error =
            Prepare(KernelsFor(static_cast<TileOrder>(order), dim, static_cast<Estimate>(estimate)),
                    shared_bytes_limit);
        if (error != cudaSuccess) return error;
      }
    }
  }
  return cudaSuccess;
}

cudaError_t LaunchClusterSelect(const SelectLaunch& launch, cudaStream_t stream) {
  return Launch(KernelsFor(launch).rank_in_cluster, launch,
                int64_t{launch.unit_count} * launch.plan.blocks, launch.plan.threads,
                launch.plan.shared_bytes, launch.plan.blocks, stream);
}

cudaError_t LaunchScanSelect(const SelectLaunch& launch, cudaStream_t stream) {
  const SelectKernels kernels = KernelsFor(launch);
  const cudaError_t error = Launch(kernels.scan_slices, launch, launch.slice_count, kScanThreads,
                                   launch.plan.shared_bytes, 1, stream);
  if (error != cudaSuccess || launch.finish_count == 0) return error;
  return Launch(kernels.finish_columns, launch, launch.finish_count, kScanThreads,
                launch.plan.finish_bytes, 1, stream);
}

}  // namespace kvsift::cuda
