#include "kernels/cuda/crossing.cuh"
#include "kernels/cuda/dependent_launch.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kDeliverThreads = 1024;
constexpr int64_t kDeliveredByBlock = 32 << 10;

__global__ void __launch_bounds__(kFetchThreads) Fetch(const Arrival arrival) {
  FetchAndFill(arrival, blockIdx.x);
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
  RaiseAfterAll(delivery.flag);
}

unsigned int Blocks(int64_t items, int64_t per_block) {
  return static_cast<unsigned int>((items + per_block - 1) / per_block);
}

}  // namespace

cudaError_t LaunchFetch(const Arrival& arrival, cudaStream_t stream) {
  Fetch<<<FetchBlocks(arrival), kFetchThreads, 0, stream>>>(arrival);
  return cudaGetLastError();
}

cudaError_t LaunchDeliver(const Delivery& delivery, cudaStream_t stream) {
  cudaLaunchAttribute attribute = BeginsEarly();
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(delivery.bytes == 0 ? 1 : Blocks(delivery.bytes, kDeliveredByBlock));
  config.blockDim = dim3(delivery.bytes == 0 ? 32 : kDeliverThreads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, Deliver, delivery);
}

}  // namespace kvsift::cuda
