#include "tests/kernels/cuda/device_trap.h"

namespace kvsift::cuda {
namespace {

__global__ void Trap() { asm volatile("trap;"); }

}  // namespace

void TrapDeviceForTest() {
  Trap<<<1, 1>>>();
  cudaDeviceSynchronize();  // fails: that is what it is for
}

}  // namespace kvsift::cuda
