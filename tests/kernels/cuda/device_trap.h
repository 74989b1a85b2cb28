// Breaks a GPU for this process, for tests of what happens then.
#ifndef KVSIFT_TESTS_KERNELS_CUDA_DEVICE_TRAP_H_
#define KVSIFT_TESTS_KERNELS_CUDA_DEVICE_TRAP_H_

namespace kvsift::cuda {

// Runs a kernel that traps on the current device and waits for it. Every later CUDA call of the
// process on that device fails, until it ends.
void TrapDeviceForTest();

}  // namespace kvsift::cuda

#endif  // KVSIFT_TESTS_KERNELS_CUDA_DEVICE_TRAP_H_
