#include "kernels/cuda/select_kernel.cuh"
#include "kernels/cuda/select_kernels.h"

namespace kvsift::cuda {

SelectKernel PlainKernel() { return SelectUnits<PlainScorer, 1>; }

}  // namespace kvsift::cuda
