#include "kernels/cuda/select_kernels.cuh"

namespace kvsift::cuda {

SelectKernels PlainKernels() { return KernelsWith<PlainScorer, 2>(); }

}  // namespace kvsift::cuda
