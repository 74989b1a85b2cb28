#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels PlainKernels() { return KernelsWith<PlainScorer, 1>(); }

}  // namespace kvsift::cuda
