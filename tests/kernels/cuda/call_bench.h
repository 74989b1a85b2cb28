// Times whole calls of the backend, the host's part included.
#ifndef KVSIFT_TESTS_KERNELS_CUDA_CALL_BENCH_H_
#define KVSIFT_TESTS_KERNELS_CUDA_CALL_BENCH_H_

#include <cstdint>

namespace kvsift::cuda {

// Positions of a page in these benchmarks.
inline constexpr int kPagePositions = 256;

// Prints the time from Submit to the observer for a selection from one sequence of 8 kv heads
// and `keys` positions, however it may cross the bus, and how much of it is beyond `device_us`, the
// time of its kernels with answers in device memory.
void RunCall(int64_t keys, double device_us);

}  // namespace kvsift::cuda

#endif  // KVSIFT_TESTS_KERNELS_CUDA_CALL_BENCH_H_
