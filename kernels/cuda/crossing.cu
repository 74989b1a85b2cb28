#include "kernels/cuda/crossing.h"
#include "kernels/cuda/dependent_launch.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kFetchThreads = 256;  // of a block, with one load each: all are in flight at once
constexpr int kDeliverThreads = 1024;
constexpr int64_t kDeliveredByBlock = 32 << 10;

__global__ void __launch_bounds__(kFetchThreads)
    Fetch(const uint4* from, uint4* to, int64_t pieces) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kFetchThreads + threadIdx.x;
  if (i < pieces) to[i] = from[i];
}

__global__ void __launch_bounds__(kDeliverThreads) Deliver(const Delivery delivery) {
  WaitForPrevious();
  const uint4* from = reinterpret_cast<const uint4*>(delivery.from);
  uint4* to = reinterpret_cast<uint4*>(delivery.to);
  const int64_t pieces = delivery.bytes / static_cast<int64_t>(sizeof(uint4));
  const int64_t step = static_cast<int64_t>(gridDim.x) * kDeliverThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kDeliverThreads + threadIdx.x; i < pieces;
       i += step) {
    to[i] = from[i];
  }
  __threadfence_system();
  __syncthreads();
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    if (atomicAdd(delivery.arrived, 1u) + 1 < gridDim.x) return;
    *delivery.arrived = 0;
    __threadfence_system();  // the other blocks' answers before the flag
  }
  *static_cast<volatile uint32_t*>(delivery.flag) = delivery.sequence;
}

unsigned int Blocks(int64_t items, int64_t per_block) {
  return static_cast<unsigned int>((items + per_block - 1) / per_block);
}

}  // namespace

cudaError_t LaunchFetch(const std::byte* from, std::byte* to, int64_t bytes, cudaStream_t stream) {
  const int64_t pieces = bytes / static_cast<int64_t>(sizeof(uint4));
  Fetch<<<Blocks(pieces, kFetchThreads), kFetchThreads, 0, stream>>>(
      reinterpret_cast<const uint4*>(from), reinterpret_cast<uint4*>(to), pieces);
  return cudaGetLastError();
}

cudaError_t LaunchDeliver(const Delivery& delivery, cudaStream_t stream) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(delivery.bytes == 0 ? 1 : Blocks(delivery.bytes, kDeliveredByBlock));
  config.blockDim = dim3(delivery.bytes == 0 ? 32 : kDeliverThreads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, Deliver, delivery);
}

}  // namespace kvsift::cuda
