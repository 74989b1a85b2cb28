// Binary matrix instructions: AND, then count. Registers of A (16 keys x 128 or 256 bits), B (the
// same bits x 8 columns) and of the sums as PTX lays them out for mma.m16n8k128 / k256 .b1.
// Compute capability 8.0 to 9.0 have them in hardware; later ones compile them to integer work.
#ifndef KVSIFT_KERNELS_CUDA_BINARY_MMA_CUH_
#define KVSIFT_KERNELS_CUDA_BINARY_MMA_CUH_

#include <cstdint>

namespace kvsift::cuda {

// sums += popcount over 128 bits: `a` holds word t of key g, `a8` of key g + 8, `b` of column g.
__device__ __forceinline__ void And128(int (&sums)[4], uint32_t a, uint32_t a8, uint32_t b) {
  asm("mma.sync.aligned.m16n8k128.row.col.s32.b1.b1.s32.and.popc "
      "{%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a), "r"(a8), "r"(b));
}

// The same over two times 128 bits: a with b, c with d.
__device__ __forceinline__ void And256(int (&sums)[4], uint32_t a, uint32_t a8, uint32_t c,
                                       uint32_t c8, uint32_t b, uint32_t d) {
  asm("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc "
      "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a), "r"(a8), "r"(c), "r"(c8), "r"(b), "r"(d));
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_BINARY_MMA_CUH_
